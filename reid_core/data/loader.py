"""Batches of tensors for training and evaluation: from image arrays, without loader processes.

Augmentation from the cache is faster than any model here trains, so one background thread at most prepares the next
batch while the model works on this one (numpy and torch release the interpreter lock for the large copies).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from reid_core.data.images import ImageArray
from reid_core.data.records import Indices, Labels
from reid_core.data.samplers import Sampler, equals_before
from reid_core.data.transforms import TrainTransform, planes

__all__ = ["Batch", "EvalBatch", "TrainBatches", "eval_batches"]


Targets: TypeAlias = Labels | npt.NDArray[np.float32]
"""What is learned of each image: labels (N,), or numbers (N, ...)."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A training batch: images uint8 (B, 3, H, W) RGB 0..255, labels, cameras and positions int64 (B,).

    Where a task learns no single label, labels are float32 (B, ...).
    """

    images: torch.Tensor
    labels: torch.Tensor
    camids: torch.Tensor
    indices: torch.Tensor

    def parts(self, count: int) -> Iterator[Batch]:
        """The batch in `count` parts of equal size, or of sizes that differ by one."""
        if count == 1:
            yield self
            return
        columns = (self.images, self.labels, self.camids, self.indices)
        for rows in zip(*(column.tensor_split(count) for column in columns), strict=True):
            if len(rows[0]):
                yield Batch(*rows)


class TrainBatches:
    """The training set, epoch after epoch; every epoch depends on (seed, epoch) only, so nothing is kept to resume.

    `labels` and `camids` are (N,) beside `images`. `prefetch` batches are prepared ahead by a thread that ends with
    the iterator; 0 means no thread. `rows` chooses, by the size of a batch, which of its rows this process prepares,
    where several train together.
    """

    def __init__(
        self,
        images: ImageArray,
        labels: Targets,
        camids: Labels,
        sampler: Sampler,
        transform: TrainTransform,
        *,
        seed: int,
        prefetch: int = 0,
        rows: Callable[[int], Indices] | None = None,
    ) -> None:
        self._images = images
        self._labels = labels
        self._camids = camids
        self._sampler = sampler
        self._transform = transform
        self._seed = seed
        self._prefetch = prefetch
        self._rows = rows

    @property
    def batches_per_epoch(self) -> int:
        """How many batches every epoch has."""
        return self._sampler.batches_per_epoch

    def __len__(self) -> int:
        """How many images there are."""
        return len(self._images)

    def plain(self, start: int, stop: int) -> EvalBatch:
        """The images at these positions of the data set without augmentation, and their cameras."""
        return _plain(self._images, self._camids, start, stop)

    def relabel(self, labels: Labels, sampler: Sampler) -> None:
        """Go on with other labels (N,), drawn by `sampler`, which has as many batches an epoch."""
        if sampler.batches_per_epoch != self.batches_per_epoch:
            raise ValueError(f"{sampler.batches_per_epoch} batches an epoch; there were {self.batches_per_epoch}")
        self._labels, self._sampler = labels, sampler

    def epoch(self, epoch: int, *, skip: int = 0) -> Iterator[Batch]:
        """The batches of one epoch (counted as the caller does; the number is part of the seed) after the first `skip`.

        Those that are skipped cost nothing.
        """
        chosen = self._sampler.epoch_batches(self._seed, epoch)
        jobs = zip(chosen, _occurrences(chosen, len(self._images)), strict=True)
        left = islice(jobs, skip, None)
        batches = (self._batch(epoch, indices, occurrences) for indices, occurrences in left)
        return _ahead(batches, self._prefetch) if self._prefetch else batches

    def _batch(self, epoch: int, indices: Indices, occurrences: Indices) -> Batch:
        if self._rows is not None:
            own = self._rows(len(indices))
            indices, occurrences = indices[own], occurrences[own]
        pixels = self._transform(self._images.take(indices), epoch, indices, occurrences)
        return Batch(
            torch.from_numpy(pixels),
            torch.from_numpy(self._labels[indices]),
            torch.from_numpy(self._camids[indices]),
            torch.from_numpy(indices),
        )


class EvalBatch(NamedTuple):
    """Images to embed, uint8 (B, 3, H, W) RGB 0..255, and their cameras int64 (B,), None where they are not known."""

    images: torch.Tensor
    camids: torch.Tensor | None = None


def eval_batches(images: ImageArray, camids: Labels, batch_size: int) -> Iterator[EvalBatch]:
    """Images and cameras in order; the last batch may be smaller."""
    for start in range(0, len(images), batch_size):
        yield _plain(images, camids, start, min(start + batch_size, len(images)))


def _plain(images: ImageArray, camids: Labels, start: int, stop: int) -> EvalBatch:
    pixels = planes(images.take(np.arange(start, stop)))
    return EvalBatch(torch.from_numpy(pixels), torch.from_numpy(camids[start:stop]))


def _ahead(batches: Iterator[Batch], depth: int) -> Iterator[Batch]:
    """The same batches, `depth` of them prepared ahead by one thread, gone when the iterator ends or is closed."""
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="reid-prefetch")
    try:
        pending = deque(pool.submit(next, batches, None) for _ in range(depth))
        while (batch := pending.popleft().result()) is not None:
            pending.append(pool.submit(next, batches, None))
            yield batch
    finally:
        pool.shutdown(cancel_futures=True)


def _occurrences(batches: Iterable[Indices], count: int) -> Iterator[Indices]:
    """For each position of each batch: how often its image came up before in this epoch."""
    seen = np.zeros(count, dtype=np.int64)
    for indices in batches:
        yield seen[indices] + equals_before(indices)
        np.add.at(seen, indices, 1)
