"""One epoch on two small data sets, measured on a third and a fourth: training, checkpoint, report."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from reid_core import api
from reid_core.config import from_values


def boxes(root, identities, name, seed):
    """A data set in Market-1501's folders: an identity has a colour, a camera its brightness."""
    rng = np.random.default_rng(seed)
    for part, people in (("bounding_box_train", identities), ("query", 2), ("bounding_box_test", 2)):
        (root / part).mkdir(parents=True)
        for pid in range(people):
            colour = rng.integers(40, 200, 3)
            for cam in (1, 2):
                pixels = np.clip(colour * (0.8 + 0.2 * cam) + rng.normal(0, 8, (32, 32, 3)), 0, 255).astype(np.uint8)
                first = pid + (1 if part == "bounding_box_train" else 501)
                Image.fromarray(pixels).save(root / part / name.format(pid=first, cam=cam))


@pytest.fixture
def config(tmp_path):
    root = tmp_path / "sets"
    boxes(root / "Market-1501-v15.09.15", 8, "{pid:04d}_c{cam}s1_000001_01.png", 0)
    boxes(root / "DukeMTMC-reID", 4, "{pid:04d}_c{cam}_f0046182.png", 1)
    boxes(tmp_path / "cows", 2, "{pid}_c{cam}.png", 2)
    boxes(root / "Occluded_Duke", 2, "{pid:04d}_c{cam}_f0046183.png", 3)
    return from_values(
        {
            "DATASETS.ROOT": str(root),
            "DATASETS.NAMES": ["Market1501", "DukeMTMC"],
            "DATASETS.TESTS": [f"cows={tmp_path / 'cows'}", "OccludedDuke"],
            "DATALOADER.CACHE_DIR": str(tmp_path / "cache"),
            "DATALOADER.SAMPLER_TRAIN": "SetReWeightSampler",
            "DATALOADER.SET_WEIGHT": [1.0, 1.0],
            "DATALOADER.NUM_INSTANCE": 2,
            "MODEL.DEVICE": "cpu",
            "MODEL.BACKBONE.NAME": "build_mobilenetv2_backbone",
            "MODEL.BACKBONE.DEPTH": "0.1x",
            "MODEL.LOSSES.NAME": ["CrossEntropyLoss", "TripletLoss"],
            "INPUT.SIZE_TRAIN": [32, 32],
            "INPUT.SIZE_TEST": [32, 32],
            "SOLVER.IMS_PER_BATCH": 8,
            "SOLVER.MAX_EPOCH": 1,
            "SOLVER.STEPS": [1],
            "SOLVER.WARMUP_EPOCHS": 0.0,
        }
    )


def test_training_on_two_sets_is_measured_on_two_others(config, tmp_path):
    end = api.train(config, directory=tmp_path / "run", threads=1)
    assert {"mAP", "rank1", "OccludedDuke/mAP", "OccludedDuke/rank1"} <= set(end.metrics)
    report = api.evaluate(config, end.checkpoint.path, threads=1)
    (other,) = report.others
    assert (report.name, other.name) == ("cows", "OccludedDuke")
    assert (report.metrics["mAP"], other.metrics["mAP"]) == (end.metrics["mAP"], end.metrics["OccludedDuke/mAP"])
    assert "of the test split of cows" in report.protocol
    assert [group.name for group in other.groups["camera"]] == ["1", "2"]
    assert [group.name for group in other.groups["identity"]] == ["OccludedDuke/501", "OccludedDuke/502"]


def test_a_search_on_two_sets_sees_neither_test(config, tmp_path):
    end = api.train(config, directory=tmp_path / "run", protocol=api.Protocol.VALIDATION, threads=1)
    assert not [name for name in end.metrics if "/" in name]
    report = api.evaluate(config, end.checkpoint.path, protocol=api.Protocol.VALIDATION, threads=1)
    assert report.others == ()
    assert report.metrics["mAP"] == end.metrics["mAP"]
    assert {group.name.split("/")[0] for group in report.groups["identity"]} <= {"Market1501", "DukeMTMC"}
