"""Batches in which every image comes twice: its two views."""

from __future__ import annotations

import numpy as np

from reid_core.data.records import Indices
from reid_core.data.samplers import TrainingSampler

__all__ = ["TwoViewSampler"]


class TwoViewSampler:
    """Every one of `images` images once an epoch, twice in its batch of `batch_size`, side by side.

    The loader augments the two occurrences differently. Sizes differ by one image at most, and no batch has one image
    alone, which would have no negative: three are dealt together then.
    """

    def __init__(self, images: int, batch_size: int) -> None:
        if images < 2 or batch_size < 4:
            raise ValueError(f"need two images and a batch of four rows, got {images} and {batch_size}")
        self._images = TrainingSampler(images, min(batch_size // 2, images))
        self.batches_per_epoch = min(self._images.batches_per_epoch, images // 2)

    def epoch_batches(self, seed: int, epoch: int) -> list[Indices]:
        """The batches of an epoch as positions in the training set."""
        order = np.concatenate(self._images.epoch_batches(seed, epoch))
        return [np.repeat(part, 2) for part in np.array_split(order, self.batches_per_epoch)]
