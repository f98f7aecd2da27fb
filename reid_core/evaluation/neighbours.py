"""The nearest neighbours of every feature among all of them, tile by tile: no N x N matrix.

Distances are symmetric, so each tile above the diagonal serves its rows and its columns: half the products.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
import numpy.typing as npt
import torch

from reid_core.evaluation.distance import Array, Distance, distance_blocks

__all__ = ["Neighbours", "neighbours"]

_TILE = 2_048


@dataclass(frozen=True, slots=True, eq=False)
class Neighbours:
    """Of N features: `indices` (N, k) of the nearest, nearest first, and `distances` (N, k) to them.

    Every feature is its own first neighbour, at distance 0, whatever rounding says; then equals stand in the order
    of their index. `farthest` (N,) is the largest distance of each to any.
    """

    indices: npt.NDArray[np.int64]
    distances: Array
    farthest: Array


def neighbours(features: Array, k: int, *, metric: Distance = Distance.COSINE, tile: int = _TILE) -> Neighbours:
    """Search the k nearest of each of features (N, D), itself among them; all N where k is larger."""
    total = features.shape[0]
    keep = min(k, total)
    nearest = torch.full((total, keep), np.inf, dtype=torch.from_numpy(features[:0]).dtype)
    indices = torch.zeros((total, keep), dtype=torch.int64)
    farthest = torch.zeros(total, dtype=nearest.dtype)
    starts = range(0, total, tile)
    for left, right in combinations_with_replacement(starts, 2):
        rows, columns = slice(left, min(left + tile, total)), slice(right, min(right + tile, total))
        _, block = next(distance_blocks(features[rows], features[columns], metric, rows=tile))
        if left == right:
            np.fill_diagonal(block, -1)  # itself comes first
        found = torch.from_numpy(block)
        _merge(nearest[rows], indices[rows], farthest[rows], found, right)
        if left != right:
            _merge(nearest[columns], indices[columns], farthest[columns], found.T.contiguous(), left)
    places, distances = indices.numpy(), nearest.numpy()
    order = np.lexsort((places, distances))  # the last axis, by distance, then by index
    distances = np.maximum(np.take_along_axis(distances, order, axis=1), 0)
    return Neighbours(np.take_along_axis(places, order, axis=1), distances, farthest.numpy())


def _merge(
    nearest: torch.Tensor, indices: torch.Tensor, farthest: torch.Tensor, found: torch.Tensor, first: int
) -> None:
    """Take the columns of `found` (rows, columns), which are features from `first` on, into the nearest so far."""
    torch.maximum(farthest, found.amax(1), out=farthest)
    values, places = torch.topk(found, min(nearest.shape[1], found.shape[1]), dim=1, largest=False, sorted=False)
    values, places = torch.cat([nearest, values], 1), torch.cat([indices, places + first], 1)
    kept, chosen = torch.topk(values, nearest.shape[1], dim=1, largest=False, sorted=False)
    nearest.copy_(kept)
    indices.copy_(places.gather(1, chosen))
