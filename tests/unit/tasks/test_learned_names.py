"""A checkpoint knows what its outputs are called: data that call them otherwise are not measured with it."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image
from small_labels import CLASSES, settings

from reid_core import api
from reid_core.engine.checkpoint import load
from reid_core.errors import CheckpointError


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for split in ("train", "test"):
        for name in ("cow", "dog", "hen"):
            (tmp_path / "data" / split / name).mkdir(parents=True)
            for number in range(4):
                pixels = rng.integers(0, 256, (64, 32, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / "data" / split / name / f"{number}.png")
    return tmp_path / "data"


def of(folder, cache):
    return settings(CLASSES, cache, DATASETS__ROOT=str(folder), SOLVER__MAX_EPOCH=1, SOLVER__WARMUP_EPOCHS=0.0)


@pytest.mark.slow
def test_renamed_classes_of_the_same_number_are_not_measured(folder, tmp_path):
    result = api.train(of(folder, tmp_path / "cache"), directory=tmp_path / "run", threads=1)
    assert load(result.checkpoint.path).names == ("cow", "dog", "hen")
    assert api.evaluate(of(folder, tmp_path / "cache"), result.checkpoint.path, threads=1).counts["images"] == 12
    for split in ("train", "test"):
        shutil.move(folder / split / "dog", folder / split / "yak")
    with pytest.raises(CheckpointError, match="number 2 is 'dog' there, 'hen' here"):
        api.evaluate(of(folder, tmp_path / "cache"), result.checkpoint.path, threads=1)
