"""The cache changes how long training waits for its images, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from validation_run import train

from reid_core.data.cache import CachedImages, ImageCache
from reid_core.data.images import ImageArray


@pytest.fixture
def photos(tmp_path):
    """JPEG files that are larger than the input size, four identities of two images in two cameras."""
    draw = np.random.default_rng(0)
    for pid in range(1, 9):
        for camera in (1, 2):
            for shot in (1, 2):
                place = tmp_path / "photos" / "bounding_box_train" / f"{pid:04d}_c{camera}s1_{shot:06d}_00.jpg"
                place.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(draw.integers(0, 256, (50, 40, 3), dtype=np.uint8)).save(place)
    for folder in ("query", "bounding_box_test"):
        for pid in (11, 12):
            for camera in (1, 2):
                place = tmp_path / "photos" / folder / f"{pid:04d}_c{camera}s1_000001_00.jpg"
                place.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(draw.integers(0, 256, (50, 40, 3), dtype=np.uint8)).save(place)
    return tmp_path / "photos"


class Decoding:
    """Rows of an array that does not exist: every batch decodes its files again."""

    def __init__(self, source, paths, size, interpolation):
        self._decode = lambda row: source.decode(paths[row], size, interpolation)
        self.shape = (len(paths), *size, 3)
        self.decoded = 0

    def take(self, rows):
        self.decoded += len(rows)
        return np.stack([self._decode(row) for row in rows])


@pytest.mark.slow
def test_cached_and_uncached_training_give_the_same_losses(tiny, photos, tmp_path, monkeypatch):
    config = tiny(DATASETS__ROOT=str(photos), DATALOADER__CACHE_DIR=str(tmp_path / "cache"))
    cached, _ = train(config, tmp_path / "cached", to_epoch=2)
    made = []

    def uncached(self, source, _fingerprint, paths, size, **_options):
        made.append(Decoding(source, paths, size, self._interpolation))
        return CachedImages(ImageArray(made[-1], np.arange(len(paths))), np.array([], dtype=np.int64))

    monkeypatch.setattr(ImageCache, "open", uncached)
    monkeypatch.setattr(ImageArray, "take", lambda self, indices: self.pixels.take(self.rows[indices]))
    plain, _ = train(config, tmp_path / "plain", to_epoch=2)
    assert sum(one.decoded for one in made) > 2 * 24
    for ours, theirs in zip(cached, plain, strict=True):
        for name in ("loss", "loss_cls", "loss_triplet", "mAP"):
            assert ours.metrics[name] == theirs.metrics[name], (ours.epoch, name)
