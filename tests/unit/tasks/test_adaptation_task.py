"""Training on clusters: no label is used, a run resumes, and the result is an ordinary model."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import torch
from PIL import Image

from reid_core import api
from reid_core.config import from_values, load_config, to_values
from reid_core.engine.checkpoint import load
from reid_core.errors import ConfigError
from reid_core.tasks.task import task_of

CLOCK = {"seconds", "images_per_second", "data_wait"}
TINY = {
    "MODEL.DEVICE": "cpu",
    "MODEL.BACKBONE.NAME": "build_mobilenetv2_backbone",
    "MODEL.BACKBONE.DEPTH": "0.1x",
    "INPUT.SIZE_TRAIN": [32, 32],
    "INPUT.SIZE_TEST": [32, 32],
    "DATASETS.SYNTHETIC.IDENTITIES": 8,
    "DATASETS.SYNTHETIC.TEST_IDENTITIES": 4,
    "DATASETS.SYNTHETIC.CAMERAS": 2,
    "DATALOADER.NUM_INSTANCE": 2,
    "SOLVER.IMS_PER_BATCH": 8,
    "SOLVER.MAX_EPOCH": 3,
    "SOLVER.STEPS": [2],
    "SOLVER.CHECKPOINT_PERIOD": 1,
    "TEST.EVAL_PERIOD": 1,
    "TASK.ADAPTATION.EPS": 0.5,
    "TASK.ADAPTATION.K1": 6,
    "TASK.ADAPTATION.MIN_SAMPLES": 2,
}


@pytest.fixture
def tiny(tmp_path):
    """A function of configuration keys that differ from the tiny training's."""
    cache = {"DATALOADER.CACHE_DIR": str(tmp_path / "cache")}
    return lambda **changed: (
        load_config(
            "adaptation", TINY | cache | {key.replace("__", "."): value for key, value in changed.items()}
        ).config
    )


def train(config, directory, **options):
    results = []
    options = {"protocol": api.Protocol.TEST, "threads": 1, "on_epoch": results.append} | options
    return results, api.train(config, directory=directory, **options)


def without_clock(results):
    return [{name: value for name, value in one.metrics.items() if name not in CLOCK} for one in results]


def same_state(left, right):
    return left.keys() == right.keys() and all(torch.equal(left[key], right[key]) for key in left)


@pytest.mark.slow
@pytest.mark.parametrize("cameras", ["center", "proxies"])
def test_every_epoch_says_how_many_clusters_and_outliers_it_had(tiny, tmp_path, cameras):
    results, _ = train(tiny(TASK__ADAPTATION__CAMERAS=cameras), tmp_path / "run")
    for one in results:
        assert one.metrics["clusters"] >= 2
        assert 0 <= one.metrics["outliers"] < 64
        assert {"loss_cls", "mAP", "rank1", "fallback"} <= one.metrics.keys()
        assert ("loss_proxy" in one.metrics) is (cameras == "proxies")


@pytest.mark.slow
@pytest.mark.parametrize("cameras", ["none", "proxies"])
def test_a_run_continued_from_a_checkpoint_is_bit_by_bit_the_same(tiny, tmp_path, cameras):
    config = tiny(TASK__ADAPTATION__CAMERAS=cameras, MODEL__LOSSES__NAME=["CrossEntropyLoss", "TripletLoss"])
    whole, end = train(config, tmp_path / "whole")
    _, half = train(config, tmp_path / "half", to_epoch=1)
    rest, resumed = train(config, tmp_path / "half", checkpoint=half.checkpoint)
    assert without_clock(rest) == without_clock(whole)[1:]
    assert same_state(load(resumed.checkpoint.path).model, load(end.checkpoint.path).model)


@pytest.mark.slow
def test_a_fork_may_draw_another_number_of_images_of_a_cluster(tiny, tmp_path):
    _, half = train(tiny(), tmp_path / "parent", to_epoch=1)
    fork = api.Fork(half.checkpoint.path, half.checkpoint.epoch, half.checkpoint.sha256)
    results, _ = train(tiny(DATALOADER__NUM_INSTANCE=4), tmp_path / "child", checkpoint=fork, to_epoch=2)
    assert [one.epoch for one in results] == [2]


@pytest.mark.slow
def test_how_a_continued_run_is_measured_does_not_change_what_it_learns(tiny, tmp_path):
    _, half = train(tiny(), tmp_path / "half", to_epoch=1)
    _, plain = train(tiny(), tmp_path / "plain", checkpoint=half.checkpoint, to_epoch=2)
    other = tiny(TEST__FLIP__ENABLED=True, TEST__SCALES=[1.0, 1.5], TEST__IMS_PER_BATCH=7)
    _, measured = train(other, tmp_path / "other", checkpoint=half.checkpoint, to_epoch=2)
    assert same_state(load(plain.checkpoint.path).model, load(measured.checkpoint.path).model)


def manifest(root, identities):
    """Twenty-four images by two cameras, trained on as `identities` say; the same test images for everybody."""
    rng = np.random.default_rng(0)
    (root / "images").mkdir(parents=True)
    rows = [("file", "pid", "camid", "split")]
    splits = [("train", pid) for pid in identities] + [
        (part, pid) for pid in ("x", "y") for part in ("query", "gallery")
    ]
    for number, (split, pid) in enumerate(splits):
        name = f"images/{number:03d}.png"
        Image.fromarray(rng.integers(0, 255, (32, 32, 3)).astype(np.uint8)).save(root / name)
        rows.append((name, str(pid), str(number % 2), split))
    with (root / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)


@pytest.mark.slow
def test_the_labels_of_the_training_images_change_nothing(tiny, tmp_path):
    labels = np.arange(24) // 4
    states = []
    for name, identities in (("true", labels), ("wrong", np.arange(24) % 3), ("none", np.arange(24))):
        manifest(tmp_path / name, identities)
        _, end = train(tiny(DATASETS__ROOT=str(tmp_path / name)), tmp_path / f"run-{name}", to_epoch=2)
        states.append(load(end.checkpoint.path).model)
    assert same_state(states[0], states[1])
    assert same_state(states[0], states[2])


@pytest.mark.slow
def test_the_adapted_model_is_a_baseline_that_reid_measures_alike(tiny, tmp_path):
    config = tiny()
    results, end = train(config, tmp_path / "run", to_epoch=1)
    plain = from_values(to_values(config) | {"TASK.NAME": "reid"})
    report = api.evaluate(plain, end.checkpoint.path, threads=1)
    assert report.metrics["mAP"] == results[-1].metrics["mAP"]


@pytest.mark.slow
@pytest.mark.parametrize(("iterations", "batches"), [(0, 8), (3, 3), (20, 20)])
def test_an_epoch_has_the_batches_that_the_configuration_says(tiny, iterations, batches):
    config = tiny(TASK__ADAPTATION__ITERATIONS=iterations)
    assert task_of(config).open(config, api.Protocol.TEST, threads=1).batches_per_epoch == batches


@pytest.mark.slow
def test_a_radius_that_nobody_is_within_trains_on_nearest_neighbours(tiny, tmp_path):
    results, _ = train(
        tiny(TASK__ADAPTATION__METRIC="cosine", TASK__ADAPTATION__EPS=1e-9), tmp_path / "run", to_epoch=2
    )
    assert [one.metrics["fallback"] for one in results] == [1, 1]
    assert results[0].metrics["outliers"] == 0


def test_cameras_are_refused_where_no_image_says_its_own(tiny, tmp_path):
    root = tmp_path / "vehicleid"
    (root / "image").mkdir(parents=True)
    (root / "train_test_split").mkdir()
    for number in range(12):
        Image.new("RGB", (32, 32), (number * 20, 0, 0)).save(root / "image" / f"{number:07d}.jpg")
    lines = [f"{number:07d} {number // 2}" for number in range(12)]
    (root / "train_test_split" / "train_list.txt").write_text("\n".join(lines[:8]))
    (root / "train_test_split" / "test_list_13164.txt").write_text("\n".join(lines[8:]))
    with pytest.raises(ConfigError, match="no training image says its camera"):
        train(tiny(DATASETS__ROOT=str(root), TASK__ADAPTATION__CAMERAS="center"), tmp_path / "run")


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"MODEL.META_ARCHITECTURE": "PCB"}, "MODEL.META_ARCHITECTURE"),
        ({"MODEL.HEADS.CLS_LAYER": "ArcSoftmax"}, "MODEL.HEADS.CLS_LAYER"),
        ({"MODEL.HEADS.PFC.ENABLED": True}, "MODEL.HEADS.PFC.ENABLED"),
        ({"MODEL.HEADS.NAME": "ClasHead"}, "MODEL.HEADS.NAME"),
        ({"MODEL.HEADS.NUM_CLASSES": 751}, "MODEL.HEADS.NUM_CLASSES"),
        ({"MODEL.LOSSES.NAME": ["TripletLoss"]}, "MODEL.LOSSES.NAME"),
        ({"MODEL.LOSSES.NAME": ["CrossEntropyLoss", "CenterLoss"]}, "MODEL.LOSSES.NAME"),
        ({"DATALOADER.SAMPLER_TRAIN": "TrainingSampler"}, "DATALOADER.SAMPLER_TRAIN"),
        ({"SOLVER.COMPILE": True}, "SOLVER.COMPILE"),
        ({"KD.EMA.ENABLED": True}, "KD.LOGITS.SCALE"),
        ({"TASK.ADAPTATION.EPS": 1.2}, "TASK.ADAPTATION.EPS"),
        ({"TASK.ADAPTATION.CAMERAS": "proxies", "DATASETS.NO_CAMERAS": True}, "TASK.ADAPTATION.CAMERAS"),
        ({"TASK.ADAPTATION.CAMERAS": "both"}, "TASK.ADAPTATION.CAMERAS"),
    ],
)
def test_what_does_not_go_with_clusters_is_refused_before_any_work(changed, key):
    with pytest.raises(ConfigError) as caught:
        load_config("adaptation", changed)
    assert [finding.key for finding in caught.value.findings] == [key]
