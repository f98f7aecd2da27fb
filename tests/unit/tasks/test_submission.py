"""Rank lists of images without labels: one model, several, several sizes, ties, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from orchestrator.cli.submit import submit_command
from reid_core import api
from reid_core.config import from_values
from reid_core.data.loader import EvalBatch
from reid_core.data.pipeline import open_evaluations
from reid_core.engine.checkpoint import load
from reid_core.engine.compute import Compute
from reid_core.engine.embedding import embeddings
from reid_core.engine.inference import load_model
from reid_core.errors import ConfigError, DataError
from reid_core.evaluation import Distance, distance_blocks, distance_matrix, rerank, unit_rows
from reid_core.evaluation.nearest import nearest

SMALL = {
    "MODEL.DEVICE": "cpu",
    "MODEL.BACKBONE.NAME": "build_mobilenetv2_backbone",
    "MODEL.BACKBONE.DEPTH": "0.1x",
    "MODEL.HEADS.WITH_BNNECK": True,
    "INPUT.SIZE_TRAIN": [32, 32],
    "INPUT.SIZE_TEST": [32, 32],
    "DATASETS.SYNTHETIC.IDENTITIES": 6,
    "DATASETS.SYNTHETIC.TEST_IDENTITIES": 5,
    "DATASETS.SYNTHETIC.CAMERAS": 2,
    "DATASETS.SYNTHETIC.IMAGES": 2,
    "SOLVER.IMS_PER_BATCH": 8,
    "SOLVER.MAX_EPOCH": 1,
    "SOLVER.WARMUP_EPOCHS": 0.0,
    "TEST.IMS_PER_BATCH": 7,
    "TEST.PRECISE_BN.ENABLED": True,  # after one epoch the running statistics would map all images to one place
    "TEST.PRECISE_BN.NUM_ITER": 6,
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with two checkpoints, of images of 32 x 32 and of 64 x 32."""
    folder = tmp_path_factory.mktemp("submission")
    found = []
    for number, size in enumerate(([32, 32], [64, 32])):
        config = from_values(
            SMALL | {"INPUT.SIZE_TRAIN": size, "INPUT.SIZE_TEST": size, "DATALOADER.CACHE_DIR": str(folder / "cache")}
        )
        end = api.train(config, directory=folder / f"run{number}", seed=number, threads=1)
        found.append((config, end.checkpoint.path))
    return found


@pytest.fixture(scope="module")
def unlabelled(tmp_path_factory, trained):
    """The synthetic test split at 64 x 32 as files without labels, and what was measured of it."""
    folder = tmp_path_factory.mktemp("unlabelled")
    (data,) = open_evaluations(trained[1][0], api.Protocol.TEST, threads=1)
    for name, part in (("query", data.query), ("gallery", data.gallery)):
        (folder / name).mkdir()
        for number in range(len(part.images)):
            image = Image.fromarray(part.images.take(np.array([number]))[0])
            image.save(folder / name / f"{number:05}.png")
    return folder, data


def ranked(ranking):
    """(Q, N) positions of the names in a ranking."""
    return np.array([[int(name[:5]) for name in names] for _, names in sorted(ranking.items())])


def ap_of(order, data):
    """Mean average precision of whole rank lists, by the same-camera rule."""
    found = []
    for query, places in enumerate(order):
        same = data.gallery.labels[places] == data.query.labels[query]
        kept = ~(same & (data.gallery.camids[places] == data.query.camids[query]))
        hits = np.flatnonzero(same[kept]) + 1
        found.append(np.mean(np.arange(1, len(hits) + 1) / hits))
    return float(np.mean(found))


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"TEST.FLIP.ENABLED": True, "TEST.METRIC": "euclidean"},
        {"TEST.AQE.ENABLED": True, "TEST.RERANK.ENABLED": True},
        {"TEST.SCALES": [1.0, 1.5]},
    ],
    ids=["plain", "flip-euclidean", "expanded-reranked", "scales"],
)
def test_the_submission_of_one_model_ranks_as_evaluate_does(trained, unlabelled, settings):
    (_, path), (folder, data) = trained[1], unlabelled
    found = api.submit([path], folder, settings=settings, top=10_000, threads=1)
    assert list(found.ranking) == [f"{number:05}.png" for number in range(len(data.query.images))]
    order = ranked(found.ranking)
    assert order.shape == (len(data.query.images), len(data.gallery.images))
    values = load(path).values | settings
    report = api.evaluate(from_values(values), path, threads=1)
    assert ap_of(order, data) == pytest.approx(report.metrics["mAP"], abs=1e-12)
    assert found.conditions in report.protocol


@pytest.mark.slow
def test_an_ensemble_is_the_weighted_mean_of_its_models_cosines(trained, unlabelled):
    folder, data = unlabelled
    paths = [path for _, path in trained]
    found = api.submit(paths, folder, weights=[3, 1], top=7, threads=1)
    similarity = 0.0
    for (config, path), share in zip(trained, (0.75, 0.25), strict=True):
        sides = [
            api.embed(config, path, sorted((folder / side).iterdir()), threads=1).astype(np.float64)
            for side in ("query", "gallery")
        ]
        similarity = similarity + share * sides[0] @ sides[1].T
    order = ranked(found.ranking)
    assert order.shape == (len(data.query.images), 7)
    assert similarity.std() > 0.01
    best = -np.sort(-similarity, axis=1)[:, :7]
    np.testing.assert_allclose(np.take_along_axis(similarity, order, axis=1), best, atol=1e-5)
    assert "0.75 x" in found.conditions


@pytest.mark.slow
def test_an_ensemble_is_re_ranked_as_the_first_says(trained, unlabelled):
    folder, _ = unlabelled
    paths = [path for _, path in trained]
    found = api.submit(paths, folder, settings={"TEST.RERANK.ENABLED": True, "TEST.RERANK.K1": 6}, top=5, threads=1)
    rows = [
        np.concatenate(
            [
                np.sqrt(0.5) * api.embed(config, path, sorted((folder / side).iterdir()), threads=1)
                for config, path in trained
            ],
            axis=1,
        )
        for side in ("query", "gallery")
    ]
    distances = rerank(*rows, k1=6, k2=6, lambda_=0.3)
    best = np.sort(distances, axis=1)[:, :5]
    np.testing.assert_allclose(np.take_along_axis(distances, ranked(found.ranking), axis=1), best, atol=1e-4)


@pytest.mark.slow
def test_equally_near_images_stand_in_the_order_of_their_names(trained, tmp_path, unlabelled):
    source = min((unlabelled[0] / "gallery").iterdir()).read_bytes()
    for name in ("query/q.png", "gallery/b.png", "gallery/a.png", "gallery/d.png", "gallery/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(source)
    found = api.submit([trained[0][1]], tmp_path, top=3, threads=1)
    assert found.ranking == {"q.png": ("a.png", "b.png", "c.png")}


def test_nearest_is_a_stable_sort_cut_off():
    random = np.random.default_rng(0)
    distances = random.integers(0, 6, (20, 30)).astype(np.float32)
    for top in (1, 4, 29, 30, 50):
        blocks = [(slice(0, 8), distances[:8]), (slice(8, 20), distances[8:])]
        np.testing.assert_array_equal(
            np.array(list(nearest(blocks, top))), np.argsort(distances, axis=1, kind="stable")[:, :top]
        )
    with pytest.raises(ValueError, match="1 or more"):
        next(nearest([], 0))


def test_blocks_give_the_lists_that_the_whole_matrix_gives():
    random = np.random.default_rng(1)
    query, gallery = random.normal(size=(9, 5)), random.normal(size=(40, 5))
    whole = np.argsort(distance_matrix(query, gallery), axis=1)[:, :6]
    blocks = distance_blocks(query, gallery, Distance.COSINE, rows=2)
    np.testing.assert_array_equal(np.array(list(nearest(blocks, 6))), whole)


@pytest.mark.slow
def test_scales_are_summed_after_each_is_normalised(trained):
    config, path = trained[0]
    model, _ = load_model(config, path, Compute.of(config))
    images = np.random.default_rng(2).integers(0, 256, (3, 3, 32, 32), dtype=np.uint8)

    def rows(pixels, scales):
        return embeddings(model, [EvalBatch(torch.from_numpy(pixels))], Compute.of(config), scales=scales)

    one, both = rows(images, (1.0,)), rows(images, (1.0, 2.0))
    larger = torch.nn.functional.interpolate(
        torch.from_numpy(images).float(), (64, 64), mode="bilinear", antialias=True
    )
    other = rows(larger.round().clamp(0, 255).to(torch.uint8).numpy(), (1.0,))
    np.testing.assert_allclose(both, unit_rows(one) + unit_rows(other), atol=1e-5)
    np.testing.assert_array_equal(rows(images, (1.0,)), one)


@pytest.mark.parametrize(
    "changed",
    [
        {"TEST.SCALES": [1.0, 1.0]},
        {"TEST.SCALES": [0.5]},
        {"TEST.SCALES": [1.0, 1.5], "MODEL.BACKBONE.NAME": "build_vit_backbone", "MODEL.BACKBONE.DEPTH": "small"},
        {"TEST.SCALES": [1.0, 1.5], "TEST.METRIC": "dsr", "INPUT.SIZE_TEST": [64, 64]},
        {"TEST.SCALES": [1.0, 1.5], "MODEL.HEADS.POOL_LAYER": "Flatten"},
    ],
)
def test_scales_that_a_model_cannot_take_are_refused(changed):
    with pytest.raises(ConfigError, match=r"TEST\.SCALES"):
        from_values(SMALL | changed)


@pytest.mark.slow
def test_what_cannot_be_ranked_is_refused_and_named(trained, unlabelled, tmp_path):
    path, folder = trained[0][1], unlabelled[0]
    with pytest.raises(DataError, match="no folder gallery_b"):
        api.submit([path], folder, gallery="gallery_b")
    (tmp_path / "query").mkdir()
    (tmp_path / "query" / "notes.txt").write_text("nothing")
    with pytest.raises(DataError, match="no image in it; left out: 1 not an image"):
        api.submit([path], tmp_path)
    with pytest.raises(ConfigError, match="1 checkpoints have 2 weights"):
        api.submit([path], folder, weights=[1, 2])
    with pytest.raises(ConfigError, match="DSR"):
        api.submit([path], folder, settings={"TEST.METRIC": "dsr", "INPUT.SIZE_TEST": [64, 64]})
    (tmp_path / "query" / "torn.png").write_bytes(b"torn")
    (tmp_path / "gallery").mkdir()
    (tmp_path / "gallery" / "a.png").write_bytes(next((folder / "gallery").iterdir()).read_bytes())
    with pytest.raises(DataError, match=r"torn\.png"):
        api.submit([path], tmp_path, threads=1)


@pytest.mark.slow
def test_the_command_writes_the_lists_as_naic_asks_for_them(trained, unlabelled, tmp_path):
    paths, out = [str(path) for _, path in trained], tmp_path / "result.json"
    words = ["--checkpoint", paths[0], "--checkpoint", paths[1], "--data", str(unlabelled[0]), "--out", str(out)]
    words += ["--top", "4", "--flip", "--scales", "1,1.5", "--threads", "1", "--json"]
    told = CliRunner().invoke(submit_command, words, catch_exceptions=False)
    assert told.exit_code == 0, told.output
    written = json.loads(out.read_text())
    assert json.loads(told.stdout)["queries"] == len(written) == len(unlabelled[1].query.images)
    assert all(
        len(names) == 4 and set(names) <= {one.name for one in (unlabelled[0] / "gallery").iterdir()}
        for names in written.values()
    )
    assert "scales 1, 1.5" in json.loads(told.stdout)["conditions"]
    assert not list(tmp_path.glob(".*.tmp"))
