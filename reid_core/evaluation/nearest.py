"""The nearest gallery images of each query, in order: what a rank list or a submission shows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from reid_core.evaluation.distance import Array
from reid_core.evaluation.labels import Integers

__all__ = ["nearest"]


def nearest(blocks: Iterable[tuple[slice, Array]], top: int) -> Iterator[Integers]:
    """For each query the positions of its `top` nearest gallery images, nearest first; all where there are fewer.

    `blocks` of distances (rows, G) come as `distance_blocks` yields them, one at a time in memory. Images at the same
    distance stand in gallery order, as in `rank`. ValueError: `top` is below 1.
    """
    if top < 1:
        raise ValueError(f"top is {top}; it must be 1 or more")
    for _, block in blocks:
        for row in block:
            keep = min(top, row.size)
            farthest = np.partition(row, keep - 1)[keep - 1] if keep else np.inf
            near = np.flatnonzero(row <= farthest)  # every image at the last distance: which of them count is below
            yield near[np.argsort(row[near], kind="stable")][:keep]
