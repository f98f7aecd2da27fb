"""Classification from configuration to metrics: it learns, goes on bit by bit, and measures what it says."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_labels import CLASSES, settings, without_clock

from reid_core import api
from reid_core.data.loader import eval_batches
from reid_core.engine.checkpoint import load
from reid_core.engine.compute import Compute
from reid_core.engine.inference import load_model
from reid_core.engine.scoring import scores
from reid_core.errors import DataError
from reid_core.tasks.task import task_of


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("classes")


@pytest.fixture(scope="module")
def trained(cache):
    config = settings(CLASSES, cache)
    return config, api.train(config, directory=cache / "run", threads=1)


@pytest.mark.slow
def test_six_persons_are_told_apart_far_above_chance(trained):
    config, result = trained
    report = api.evaluate(config, result.checkpoint.path, threads=1)
    assert report.metrics["top1"] > 0.6  # chance: 1/6
    assert report.metrics["top5"] >= report.metrics["top1"]
    assert 0 < report.metrics["cross_entropy"] < np.log(6)
    assert report.counts == {"images": 72, "classes": 6}
    assert "of the test split" in report.protocol
    groups = report.groups["class"]
    assert [one.name for one in groups] == ["1", "2", "3", "4", "5", "6"]
    assert sum(one.size for one in groups) == 72
    right = sum(one.size * one.metrics["top1"] for one in groups)
    assert right / 72 == pytest.approx(report.metrics["top1"])


@pytest.mark.slow
def test_a_resumed_classifier_equals_the_uninterrupted_one(cache, tmp_path):
    config = settings(CLASSES, cache, SOLVER__MAX_EPOCH=3, DATASETS__SYNTHETIC__IMAGES=4)
    straight, parts = [], []
    options = {"protocol": api.Protocol.VALIDATION, "seed": 5, "threads": 1}
    whole = api.train(config, directory=tmp_path / "straight", on_epoch=straight.append, **options)
    first = api.train(config, directory=tmp_path / "parts", to_epoch=1, on_epoch=parts.append, **options)
    rest = api.train(
        config, directory=tmp_path / "parts", checkpoint=first.checkpoint, on_epoch=parts.append, **options
    )
    assert without_clock(straight) == without_clock(parts)
    one, other = (load(result.checkpoint.path).model for result in (whole, rest))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert whole.best is not None


@pytest.mark.slow
def test_validation_holds_out_a_share_of_every_class_by_its_seed(cache):
    held = {}
    for seed in (0, 1):
        config = settings(CLASSES, cache, DATASETS__VAL_FRACTION=0.25, DATASETS__VAL_SEED=seed)
        data = task_of(config).open(config, api.Protocol.VALIDATION, threads=1)
        train, measured = ({one.path for one in part.records} for part in (data.train, data.evaluation.part))
        assert not train & measured
        assert len(train | measured) == 6 * 2 * 12
        assert np.bincount(data.evaluation.part.labels).tolist() == [6] * 6
        assert data.num_classes == 6
        held[seed] = measured
    assert held[0] != held[1]
    again = task_of(config).evaluations(config, api.Protocol.VALIDATION, threads=1)
    assert {one.path for one in again[0].part.records} == held[1]


@pytest.mark.slow
def test_other_image_sizes_for_testing_measure_the_same_images(cache):
    same, other = (settings(CLASSES, cache, INPUT__SIZE_TEST=size) for size in ([64, 32], [48, 32]))
    paths = [
        [one.path for one in task_of(config).evaluations(config, api.Protocol.VALIDATION)[0].part.records]
        for config in (same, other)
    ]
    assert paths[0] == paths[1]


@pytest.mark.slow
def test_test_images_are_others_than_those_trained_on(cache):
    config = settings(CLASSES, cache)
    data = task_of(config).open(config, api.Protocol.TEST, threads=1)
    assert not {one.path for one in data.train.records} & {one.path for one in data.evaluation.part.records}
    assert data.train.images.take(np.array([0])).shape == (1, 64, 32, 3)


@pytest.mark.slow
def test_combined_data_trains_on_the_test_images_too(cache):
    config = settings(CLASSES, cache, DATASETS__COMBINEALL=True)
    data = task_of(config).open(config, api.Protocol.TEST, threads=1)
    assert len(data.train.records) == 6 * 2 * (12 + 6)
    assert "trained on too" in data.evaluation.sentence


@pytest.mark.slow
def test_flip_averages_the_scores_of_both_views(trained):
    config, result = trained
    compute = Compute.of(config)
    model, _ = load_model(config, result.checkpoint.path, compute)
    part = task_of(config).evaluations(config, api.Protocol.TEST, threads=1)[0].part
    batches = list(eval_batches(part.images, part.camids, 64))
    mirrored = [batch._replace(images=batch.images.flip(3)) for batch in batches]
    plain, other, both = (
        scores(model, given, compute, flip=flip)
        for given, flip in ((batches, False), (mirrored, False), (batches, True))
    )
    np.testing.assert_allclose(both, (plain + other) / 2, atol=1e-5)
    assert not np.allclose(plain, other)


@pytest.mark.slow
def test_a_model_of_other_classes_is_not_measured(trained, cache):
    _, result = trained
    other = settings(CLASSES, cache, DATASETS__SYNTHETIC__IDENTITIES=5)
    with pytest.raises(DataError, match="the model scores 6, and the data has 5"):
        api.evaluate(other, result.checkpoint.path, threads=1)


def test_several_data_sets_are_refused(cache):
    with pytest.raises(DataError, match="several-sets"):
        api.describe_data(settings(CLASSES, cache, DATASETS__NAMES=["a", "b"]))


def test_the_summary_counts_classes_and_images(cache):
    summary = api.describe_data(settings(CLASSES, cache))
    assert (summary.train_images, summary.train_identities, summary.gallery_images) == (144, 6, 72)
    assert summary.sentence() == "144 images of 6 classes (synthetic); validation 36 of them, held out"
    assert summary.sentence(api.Protocol.TEST).endswith("test 72 images")
