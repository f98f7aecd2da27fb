"""Faces: the drawn ones are learned, a sampled classifier learns too, and resumes bit by bit."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from reid_core import api
from reid_core.config import load_config
from reid_core.data.sources import Interpolation
from reid_core.data.synthetic.faces import FaceSource, synthetic_faces
from reid_core.data.synthetic.images import SyntheticParameters
from reid_core.engine.checkpoint import load

SMALL = {
    "MODEL.DEVICE": "cpu",
    "MODEL.BACKBONE.NAME": "few_convolutions:build",
    "MODEL.HEADS.EMBEDDING_DIM": 0,
    "MODEL.HEADS.SCALE": 24.0,
    "MODEL.HEADS.MARGIN": 0.2,
    "INPUT.SIZE_TRAIN": [48, 48],
    "INPUT.SIZE_TEST": [48, 48],
    "DATASETS.SYNTHETIC.IDENTITIES": 40,
    "DATASETS.SYNTHETIC.TEST_IDENTITIES": 8,
    "DATASETS.SYNTHETIC.DIFFICULTY": 0.3,
    "SOLVER.BASE_LR": 5e-3,
    "SOLVER.IMS_PER_BATCH": 32,
    "SOLVER.WARMUP_EPOCHS": 0.5,
    "SOLVER.MAX_EPOCH": 6,
    "TASK.FACE.PAIRS_DRAWN": 40,
    "TEST.EVAL_PERIOD": 0,
}
FEW = {"DATASETS.SYNTHETIC.IDENTITIES": 10, "DATASETS.SYNTHETIC.IMAGES": 2}
SAMPLED = {"MODEL.HEADS.PFC.ENABLED": True, "MODEL.HEADS.PFC.SAMPLE_RATE": 0.8}


CACHE = [""]
"""The folder of decoded images, one for all tests here."""


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    CACHE[0] = str(tmp_path_factory.mktemp("cache"))


def config(**changed):
    return load_config("face", SMALL | {"DATALOADER.CACHE_DIR": CACHE[0]} | changed).config


def run(folder, epochs, checkpoint=None, **changed):
    return api.train(
        config(**changed),
        directory=folder,
        protocol=api.Protocol.VALIDATION,
        to_epoch=epochs,
        checkpoint=checkpoint,
        threads=1,
    )


def test_drawn_faces_are_a_function_of_the_seed_and_their_name():
    parameters = SyntheticParameters(identities=3, test_identities=2, cameras=2, images=2, seed=5)
    faces, source = synthetic_faces(parameters), FaceSource(parameters)
    assert (len(faces.train), len(faces.gallery)) == (12, 8)
    assert not {one.pid for one in faces.train} & {one.pid for one in faces.gallery}
    path = faces.train[1].path
    pixels = source.decode(path, (112, 112), Interpolation.BILINEAR)
    assert np.array_equal(pixels, FaceSource(parameters).decode(path, (112, 112), Interpolation.BILINEAR))
    other = FaceSource(SyntheticParameters(seed=6)).decode(path, (112, 112), Interpolation.BILINEAR)
    assert (pixels != other).mean() > 0.9
    assert faces.fingerprint != synthetic_faces(SyntheticParameters(seed=6)).fingerprint


@pytest.mark.slow
def test_the_drawn_faces_are_learned(tmp_path):
    """Pairs of persons that it has not seen: six epochs are well above chance and the untrained network."""
    still = run(tmp_path / "still", 1, **{"SOLVER.BASE_LR": 1e-6}).metrics
    learned = run(tmp_path / "learned", 6).metrics
    assert learned["accuracy"] > max(still["accuracy"] + 0.05, 0.7)
    assert learned["auc"] > 0.78


@pytest.mark.slow
def test_a_sample_of_the_persons_is_enough_to_learn(tmp_path):
    learned = run(tmp_path, 6, **SAMPLED | {"SOLVER.IMS_PER_BATCH": 16}).metrics
    assert learned["accuracy"] > 0.7


@pytest.mark.slow
def test_a_sampled_training_resumes_bit_by_bit(tmp_path):
    straight = run(tmp_path / "straight", 2, **FEW, **SAMPLED)
    half = run(tmp_path / "parts", 1, **FEW, **SAMPLED)
    resumed = run(tmp_path / "parts", 2, half.checkpoint, **FEW, **SAMPLED)
    left, right = load(straight.checkpoint.path), load(resumed.checkpoint.path)
    assert all(torch.equal(value, right.model[key]) for key, value in left.model.items())
    memory, same = (one.parts["optimizer"]["state"] for one in (left, right))
    assert all(torch.equal(value, same[number][name]) for number, row in memory.items() for name, value in row.items())


@pytest.mark.slow
def test_a_sample_of_all_persons_is_the_plain_classifier(tmp_path):
    plain = run(tmp_path / "plain", 1, **FEW)
    sampled = run(tmp_path / "all", 1, **FEW, **SAMPLED | {"MODEL.HEADS.PFC.SAMPLE_RATE": 1.0})
    left, right = load(plain.checkpoint.path).model, load(sampled.checkpoint.path).model
    assert left.keys() == right.keys()
    assert all(torch.equal(value, right[key]) for key, value in left.items())


@pytest.mark.slow
def test_a_checkpoint_is_measured_on_the_test_pairs(tmp_path):
    end = run(tmp_path, 1)
    report = api.evaluate(config(), end.checkpoint.path, threads=1)
    assert report.counts == {"pairs": 800, "images": 128}
    assert len(report.groups["fold"]) == 10
    assert np.mean([one.metrics["accuracy"] for one in report.groups["fold"]]) == report.metrics["accuracy"]


@pytest.mark.slow
def test_scales_are_honoured_and_told(tmp_path):
    run(tmp_path, 1, **FEW)
    path = tmp_path / "epoch-0001.pt"
    plain = api.evaluate(config(**FEW), path)
    scaled = api.evaluate(config(**FEW, **{"TEST.SCALES": [1.0, 2.0]}), path)
    assert plain.metrics["auc"] != scaled.metrics["auc"]
    assert "scales 1, 2" in scaled.protocol
    assert "scales" not in plain.protocol
