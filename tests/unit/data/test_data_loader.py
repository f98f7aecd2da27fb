"""Training batches: resumable at any epoch, the same with and without the thread, which never outlives its iterator."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch

from reid_core.data.images import ImageArray
from reid_core.data.loader import TrainBatches, eval_batches
from reid_core.data.samplers import BalancedIdentitySampler
from reid_core.data.transforms import Augmentation, Crop, Erasing, TrainTransform

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 16, 8, 3), dtype=np.uint8)
ROWS = np.arange(39, 7, -1)  # the training part of a larger array, in another order
LABELS = np.repeat(np.arange(8), 4)
CAMIDS = np.tile([1, 2], 16)
PLAN = Augmentation(flip_prob=0.5, crop=Crop(2), erasing=Erasing())


def _batches(plan: Augmentation = PLAN, *, prefetch: int = 0, instances: int = 4) -> TrainBatches:
    sampler = BalancedIdentitySampler(LABELS, CAMIDS, 4, instances)
    images = ImageArray(PIXELS, ROWS)
    return TrainBatches(images, LABELS, CAMIDS, sampler, TrainTransform(plan, 3), seed=3, prefetch=prefetch)


def _prefetching() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("reid-prefetch")]


def test_a_batch_carries_images_labels_cameras_and_positions():
    batches = _batches(Augmentation())
    seen = list(batches.epoch(0))
    assert len(seen) == batches.batches_per_epoch == 2
    for batch in seen:
        assert batch.images.shape == (16, 3, 16, 8)
        assert batch.images.dtype == torch.uint8
        assert batch.images.is_contiguous()
        positions = batch.indices.numpy()
        assert batch.labels.tolist() == LABELS[positions].tolist()
        assert batch.camids.tolist() == CAMIDS[positions].tolist()
        assert np.array_equal(batch.images.numpy(), PIXELS[ROWS[positions]].transpose(0, 3, 1, 2))


@pytest.mark.parametrize("prefetch", [0, 1, 3])
def test_an_epoch_is_the_same_whatever_came_before_and_however_it_is_prepared(prefetch):
    first = list(_batches().epoch(5))
    batches = _batches(prefetch=prefetch)
    for _ in batches.epoch(4):
        pass
    again = list(batches.epoch(5))
    assert len(first) == len(again)
    for one, other in zip(first, again, strict=True):
        assert torch.equal(one.images, other.images)
        assert torch.equal(one.indices, other.indices)


def test_an_image_repeated_in_an_epoch_is_augmented_differently():
    repeated = _batches(Augmentation(crop=Crop(6)), instances=8)
    for batch in repeated.epoch(0):
        for position in batch.indices.unique():
            copies = batch.images[batch.indices == position]
            assert len(copies) == 2
        distinct = batch.images.flatten(1).unique(dim=0)
        assert len(distinct) > 28


def test_the_thread_ends_with_the_epoch_and_with_an_iterator_left_early():
    batches = _batches(prefetch=2)
    for _ in batches.epoch(0):
        assert len(_prefetching()) == 1
    assert _prefetching() == []
    early = batches.epoch(1)
    next(early)
    early.close()  # type: ignore[attr-defined]
    assert _prefetching() == []


def test_an_error_while_preparing_reaches_the_caller_and_ends_the_thread():
    broken = _batches(prefetch=1)
    broken._labels = LABELS[:3]
    with pytest.raises(IndexError):
        list(broken.epoch(0))
    assert _prefetching() == []


def test_evaluation_takes_images_in_order_without_augmentation():
    images = ImageArray(PIXELS, ROWS)
    cameras = np.arange(len(images))
    batches = list(eval_batches(images, cameras, 10))
    assert [len(batch.images) for batch in batches] == [10, 10, 10, 2]
    assert np.array_equal(torch.cat([batch.camids for batch in batches]).numpy(), cameras)
    assert np.array_equal(torch.cat([batch.images for batch in batches]).numpy(), PIXELS[ROWS].transpose(0, 3, 1, 2))


def test_a_subset_shares_the_pixels():
    part = ImageArray(PIXELS, ROWS).subset(np.array([0, 5]))
    assert part.pixels is PIXELS
    assert part.size == (16, 8)
    assert np.array_equal(part.take(np.array([1])), PIXELS[[34]])
