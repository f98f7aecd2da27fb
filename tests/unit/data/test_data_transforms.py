"""Augmentation: each part against the obvious definition, and independent of everything but (seed, epoch, sample)."""

from __future__ import annotations

import numpy as np
import pytest

from reid_core.data.randomness import sample_draws
from reid_core.data.transforms import Augmentation, Crop, Erasing, PadMode, TrainTransform, planes

ALL = Augmentation(flip_prob=0.5, crop=Crop(4), erasing=Erasing())


def _images(count: int = 64, height: int = 24, width: int = 12) -> np.ndarray:
    return np.random.default_rng(0).integers(1, 256, (count, height, width, 3), dtype=np.uint8)


def _apply(images: np.ndarray, augmentation: Augmentation, *, seed: int = 0, epoch: int = 0) -> np.ndarray:
    samples = np.arange(len(images))
    return TrainTransform(augmentation, seed)(images, epoch, samples, np.zeros_like(samples))


def test_nothing_switched_on_only_turns_to_planes():
    images = _images()
    expected = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    result = _apply(images, Augmentation())
    assert result.flags.c_contiguous
    assert result.dtype == np.uint8
    assert np.array_equal(result, expected)
    assert np.array_equal(planes(images), expected)


def test_flip_mirrors_about_the_given_share():
    images = _images(400)
    result, plain = _apply(images, Augmentation(flip_prob=0.3)), planes(images)
    flipped = (result == plain[..., ::-1]).all(axis=(1, 2, 3))
    kept = (result == plain).all(axis=(1, 2, 3))
    assert (flipped ^ kept).all()
    assert 80 < flipped.sum() < 160
    assert np.array_equal(_apply(images, Augmentation(flip_prob=1.0)), plain[..., ::-1])


@pytest.mark.slow
@pytest.mark.parametrize("mode", PadMode)
@pytest.mark.parametrize("size", [0, 3, 30])
def test_crop_is_a_window_of_the_padded_image(mode, size):
    images = _images(40)
    result, plain = _apply(images, Augmentation(crop=Crop(size, mode))), planes(images)
    padded = np.pad(plain, ((0, 0), (0, 0), (size, size), (size, size)), mode=mode.value)
    places = set()
    for cropped, whole in zip(result, padded, strict=True):
        found = [
            (top, left)
            for top in range(2 * size + 1)
            for left in range(2 * size + 1)
            if np.array_equal(cropped[0], whole[0, top : top + 24, left : left + 12])
            and np.array_equal(cropped, whole[:, top : top + 24, left : left + 12])
        ]
        assert found
        places.add(found[0])
    assert len(places) > (0 if size == 0 else 10)


def test_every_shift_comes_up_equally_often():
    shifts = _apply(np.repeat(_images(1, 3, 3), 4000, axis=0), Augmentation(crop=Crop(1)))
    _, counts = np.unique(shifts.reshape(4000, -1), axis=0, return_counts=True)
    assert len(counts) == 9
    assert counts.min() > 350
    assert counts.max() < 540


def test_erasing_fills_one_rectangle_of_the_allowed_area_and_ratio():
    images = _images(500, 64, 32)
    erasing = Erasing(prob=0.5, value=(10.4, 20.6, 0.0))
    result, plain = _apply(images, Augmentation(erasing=erasing)), planes(images)
    changed = (result == np.array([10, 21, 0])[:, None, None]).all(axis=1) & (result != plain).any(axis=1)
    erased = 0
    for one, mask in enumerate(changed):
        if not mask.any():
            assert np.array_equal(result[one], plain[one])
            continue
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        tall, wide = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
        assert mask.sum() == tall * wide
        assert 0.01 <= tall * wide / (64 * 32) <= 0.42
        assert 0.25 <= tall / wide <= 4.0
        assert np.array_equal(result[one][:, ~mask], plain[one][:, ~mask])
        erased += 1
    assert 200 < erased < 300


def test_erased_rectangles_reach_every_border():
    result = _apply(_images(300, 16, 8), Augmentation(erasing=Erasing(prob=1.0, value=(0, 0, 0))))
    erased = (result == 0).all(axis=1)
    assert erased[:, 0].any(axis=1).sum() > 10
    assert erased[:, -1].any(axis=1).sum() > 10
    assert erased[:, :, 0].any(axis=1).sum() > 10
    assert erased[:, :, -1].any(axis=1).sum() > 10


def test_an_image_does_not_depend_on_its_batch():
    images = _images(20)
    whole = _apply(images, ALL, epoch=3)
    order = np.array([7, 2, 19])
    some = TrainTransform(ALL, 0)(images[order], 3, order, np.zeros(3, dtype=np.int64))
    assert np.array_equal(some, whole[order])


def test_seed_epoch_and_occurrence_each_change_the_result():
    images, samples = _images(), np.arange(64)
    first = _apply(images, ALL)
    assert np.array_equal(first, _apply(images, ALL))
    assert not np.array_equal(first, _apply(images, ALL, seed=1))
    assert not np.array_equal(first, _apply(images, ALL, epoch=1))
    assert not np.array_equal(first, TrainTransform(ALL, 0)(images, 0, samples, np.ones_like(samples)))


def test_switching_one_part_off_changes_no_other():
    images = _images()
    both = _apply(images, Augmentation(flip_prob=0.5, crop=Crop(4)))
    flipped = _apply(images, Augmentation(flip_prob=0.5))
    again = _apply(np.ascontiguousarray(flipped.transpose(0, 2, 3, 1)), Augmentation(crop=Crop(4)))
    assert np.array_equal(both, again)


def test_draws_are_uniform_and_rows_independent():
    samples = np.arange(2000)
    draws = sample_draws(5, 1, samples, np.zeros_like(samples), 30)
    assert draws.min() >= 0
    assert draws.max() < 1
    assert abs(draws.mean() - 0.5) < 0.005
    assert abs(np.corrcoef(draws[:-1].ravel(), draws[1:].ravel())[0, 1]) < 0.02
    assert len(np.unique(draws)) == draws.size
