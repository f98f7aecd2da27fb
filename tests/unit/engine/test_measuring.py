"""A model measured under every condition of TEST: the numbers are those of the pure functions on its features."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from reid_core import api
from reid_core.data.loader import EvalBatch, eval_batches
from reid_core.data.pipeline import open_evaluations
from reid_core.engine import measuring
from reid_core.engine.compute import Compute, cpu_threads
from reid_core.engine.embedding import embeddings
from reid_core.engine.inference import load_model
from reid_core.engine.local_features import local_features, pyramid
from reid_core.engine.measuring import conditions, measure
from reid_core.errors import ConfigError, TrainingDiverged
from reid_core.evaluation import (
    Distance,
    Labels,
    distance_matrix,
    dsr_distance,
    expand_queries,
    rank_distances,
    rerank,
    retrieval_metrics,
    tpr_at_fpr,
)
from reid_core.tasks.task import task_of

_SIZE = {
    "INPUT__SIZE_TRAIN": [64, 64],
    "INPUT__SIZE_TEST": [64, 64],
    "SOLVER__MAX_EPOCH": 1,
    # else all embeddings of so short a training are the same but for rounding, and their ranking says nothing
    "TEST__PRECISE_BN__ENABLED": True,
    "TEST__PRECISE_BN__NUM_ITER": 2,
}
_CPU = Compute(torch.device("cpu"))


@pytest.fixture(autouse=True)
def one_thread():
    with cpu_threads(1):
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("measured")


@pytest.fixture
def sized(tiny):
    return lambda **changed: tiny(**_SIZE, **changed)


@pytest.fixture
def checkpoint(sized, folder):
    path = folder / "epoch-0001.pt"
    if not path.exists():
        api.train(sized(), directory=folder, protocol=api.Protocol.VALIDATION, threads=1)
    return path


@pytest.fixture
def features(sized, checkpoint):
    """Labels, embeddings of queries and gallery, and the two parts and the model they come from."""
    model, _ = load_model(sized(), checkpoint, _CPU)  # as measured, also in batches and threads: rounding decides ties
    (data,) = open_evaluations(sized(), api.Protocol.TEST, threads=1)
    rows = [embeddings(model, eval_batches(part.images, part.camids, 64), _CPU) for part in (data.query, data.gallery)]
    labels = Labels(data.query.labels, data.gallery.labels, data.query.camids, data.gallery.camids)
    return labels, *rows, data, model


def measured(config, checkpoint, protocol=api.Protocol.TEST):
    return api.evaluate(config, checkpoint, protocol=protocol, threads=1)


@pytest.mark.slow
def test_without_refinement_there_are_the_five_metrics_and_no_more(sized, checkpoint):
    report = measured(sized(), checkpoint)
    assert set(report.metrics) == {"mAP", "mINP", "rank1", "rank5", "rank10"}
    assert report.protocol.endswith("; cosine distance; no flip; no query expansion, no re-ranking")


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_expansion_then_re_ranking_are_measured_beside_the_plain_ranking(sized, checkpoint, features, metric):
    labels, query, gallery, *_ = features
    config = sized(
        TEST__METRIC=metric,
        TEST__AQE__ENABLED=True,
        TEST__AQE__QE_K=3,
        TEST__RERANK__ENABLED=True,
        TEST__RERANK__K1=4,
        TEST__RERANK__K2=2,
        TEST__RERANK__LAMBDA=0.2,
        TEST__ROC__ENABLED=True,
    )
    report = measured(config, checkpoint)
    refined = rerank(*expand_queries(query, gallery, k=3), k1=4, k2=2, lambda_=0.2, metric=Distance(metric))
    wanted = retrieval_metrics(rank_distances(refined, labels))
    plain = retrieval_metrics(rank_distances(distance_matrix(query, gallery, Distance(metric)), labels))
    wanted |= {f"plain_{name}": value for name, value in plain.items()}
    rates = tpr_at_fpr(refined, labels, fpr=[1e-4, 1e-3, 1e-2])
    wanted |= dict(zip(["tpr_at_fpr_1e-4", "tpr_at_fpr_1e-3", "tpr_at_fpr_1e-2"], rates.tolist(), strict=True))
    assert report.metrics == pytest.approx(wanted)
    assert "query expansion (k 3, alpha 3, 1 round); re-ranking (k1 4, k2 2, lambda 0.2)" in report.protocol


@pytest.mark.slow
def test_rates_alone_leave_the_metrics_as_they_are(sized, checkpoint):
    report = measured(sized(TEST__ROC__ENABLED=True), checkpoint)
    without = measured(sized(), checkpoint).metrics
    assert {name: report.metrics[name] for name in without} == without
    assert len(report.metrics) == 8


@pytest.mark.slow
@pytest.mark.parametrize("flip", [False, True])
def test_dsr_compares_the_parts_of_the_models_map(sized, checkpoint, features, flip):
    labels, _, _, data, model = features
    report = measured(sized(TEST__METRIC="dsr", TEST__FLIP__ENABLED=flip), checkpoint)
    query, gallery = (
        np.concatenate([rows for _, rows in local_features(model, batches_of(part), _CPU, flip=flip)])
        for part in (data.query, data.gallery)
    )
    wanted = retrieval_metrics(rank_distances(dsr_distance(query, gallery), labels))
    plain = measured(sized(TEST__FLIP__ENABLED=flip), checkpoint).metrics
    assert report.metrics == pytest.approx(wanted | {f"plain_{name}": value for name, value in plain.items()})
    assert "DSR distance among the 30 nearest by cosine" in report.protocol


@pytest.mark.slow
def test_embeddings_too_large_to_compare_are_a_training_out_of_hand_and_no_fault_of_the_data(
    sized, features, monkeypatch
):
    *_, data, model = features
    huge = np.full((len(data.gallery.labels), 2), 1e25, dtype=np.float32)  # finite, and its square is not
    monkeypatch.setattr(measuring, "embeddings", lambda *_, **__: huge)
    with pytest.raises(TrainingDiverged, match="embeddings after epoch 3 are not finite"):
        measure(model, data, sized(), _CPU, epoch=3)


def batches_of(part, size=64):
    return eval_batches(part.images, part.camids, size)


@pytest.mark.slow
def test_dsr_is_refused_for_a_map_of_a_single_cell(features):
    *_, model = features
    small = [EvalBatch(torch.zeros((2, 3, 32, 32), dtype=torch.uint8))]
    with pytest.raises(ConfigError, match="map is a single cell"):
        list(local_features(model, small, _CPU))


@pytest.mark.slow
def test_local_features_say_which_images_they_are_of(features):
    _, _, _, data, model = features
    parts = list(local_features(model, batches_of(data.gallery, 5), _CPU))
    assert [(part.start, part.stop) for part, _ in parts] == [(0, 5), (5, 10), (10, 15), (15, 16)]
    ((_, whole),) = local_features(model, batches_of(data.gallery, 16), _CPU)
    np.testing.assert_allclose(np.concatenate([rows for _, rows in parts]), whole, atol=1e-3)


@pytest.mark.slow
def test_flipped_local_features_are_the_same_for_an_image_and_its_mirror_image_but_for_their_order(features):
    *_, model = features
    images = torch.randint(0, 256, (2, 3, 128, 64), dtype=torch.uint8)
    ((_, one),) = local_features(model, [EvalBatch(images)], _CPU, flip=True)
    ((_, other),) = local_features(model, [EvalBatch(images.flip(3))], _CPU, flip=True)
    np.testing.assert_allclose(np.sort(one, axis=1), np.sort(other, axis=1), atol=1e-3)


def test_the_pyramid_is_the_maxima_of_windows_two_cells_apart():
    maps = torch.randn(2, 3, 9, 5)
    wanted = [
        maps[:, :, top : top + window, left : left + window].amax((2, 3))
        for window in (2, 4)
        for top in range(0, 9 - window + 1, 2)
        for left in range(0, 5 - window + 1, 2)
    ]
    torch.testing.assert_close(pyramid(maps), torch.stack(wanted, dim=1))
    assert pyramid(torch.randn(1, 3, 16, 8)).shape == (1, 32 + 21 + 12 + 5, 3)


def test_a_map_too_small_for_any_window_is_taken_cell_by_cell():
    maps = torch.randn(1, 2, 3, 1)
    torch.testing.assert_close(pyramid(maps), maps.flatten(2).transpose(1, 2))


@pytest.mark.slow
def test_cameras_and_identities_take_the_queries_apart(sized, checkpoint):
    report = measured(sized(), checkpoint)
    for groups, count in ((report.groups["camera"], 2), (report.groups["identity"], 4)):
        assert len({group.name for group in groups}) == len(groups) == count
        assert sum(group.size for group in groups) == report.counts["queries"]
        for name in ("mAP", "rank1"):
            mean = sum(group.size * group.metrics[name] for group in groups) / report.counts["queries"]
            assert mean == pytest.approx(report.metrics[name])


@pytest.mark.slow
def test_identities_are_named_as_the_data_names_them(sized, checkpoint, features):
    _, _, _, data, _ = features
    names = [group.name for group in measured(sized(), checkpoint).groups["identity"]]
    assert sorted(names) == sorted({record.pid for record in data.query.records})


@pytest.mark.slow
def test_data_without_cameras_has_no_breakdown_by_camera(sized, checkpoint):
    report = measured(sized(DATASETS__NO_CAMERAS=True), checkpoint)
    assert report.groups["camera"] == ()
    assert len(report.groups["identity"]) == 4
    assert "the query itself is dropped" in report.protocol


@pytest.mark.slow
def test_training_reports_the_refined_metrics_and_the_plain_ones(sized, tmp_path):
    config = sized(TEST__RERANK__ENABLED=True)
    result = api.train(config, directory=tmp_path, protocol=api.Protocol.VALIDATION, threads=1)
    report = measured(config, result.checkpoint.path, api.Protocol.VALIDATION)
    assert {name: result.metrics[name] for name in report.metrics} == pytest.approx(dict(report.metrics))
    assert {"mAP", "plain_mAP"} <= set(report.metrics)


@pytest.mark.slow
def test_several_data_sets_are_measured_each_under_its_name(sized, features):
    *_, data, model = features
    task = task_of(sized())
    alone = task.measure_all(model, [data], sized(), _CPU, epoch=1)
    both = task.measure_all(model, [data, replace(data, name="other")], sized(), _CPU, epoch=1)
    assert both == alone | {f"other/{name}": value for name, value in alone.items()}


def test_conditions_name_every_parameter(tiny):
    config = tiny(TEST__FLIP__ENABLED=True, TEST__AQE__ENABLED=True, TEST__AQE__ALPHA=2.5, TEST__AQE__QE_TIME=2)
    assert conditions(config) == "cosine distance; flipped features added; query expansion (k 5, alpha 2.5, 2 rounds)"
