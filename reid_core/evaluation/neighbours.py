"""The nearest neighbours of every feature among all of them, tile by tile: no N x N matrix.

Distances are symmetric, so each tile above the diagonal serves its rows and its columns: half the products. From the
second tile on, few entries are below the farthest neighbour that a row has so far, and only those are sorted.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
import numpy.typing as npt
import torch

from reid_core.evaluation.distance import Array, Distance, lengths, squared_lengths, tile_distances
from reid_core.evaluation.products import on_device, side_by_side
from reid_core.signs import alive

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


def neighbours(
    features: Array,
    k: int,
    *,
    metric: Distance = Distance.COSINE,
    tile: int = _TILE,
    device: torch.device | None = None,
) -> Neighbours:
    """Search the k nearest of each of features (N, D), itself among them; all N where k is larger.

    On `device` the features are copied to and searched, and only what is found comes back.
    """
    squares = on_device(squared_lengths(features), device)
    search = _Search(on_device(features, device), squares, min(k, features.shape[0]), metric, tile)
    with side_by_side(device) as (spread, _):
        pairs = combinations_with_replacement(range(0, features.shape[0], tile), 2)
        for found in spread(search.compare, pairs):
            alive()
            for one in found:
                search.merge(one)
    distances = search.nearest.clamp_(min=0).cpu().numpy()
    return Neighbours(search.indices.cpu().numpy(), distances, search.farthest.cpu().numpy())


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """Of the features `rows`: candidates (R, C), from left to right, empty places infinite; the farthest (R,)."""

    rows: slice
    distances: torch.Tensor
    indices: torch.Tensor
    farthest: torch.Tensor


class _Search:
    """The nearest so far. Tiles are compared in any order and merged in theirs, by rising index."""

    def __init__(self, features: torch.Tensor, squares: torch.Tensor, keep: int, metric: Distance, tile: int) -> None:
        total = features.shape[0]
        self.nearest = features.new_full((total, keep), torch.inf)
        self.indices = torch.zeros((total, keep), dtype=torch.int64, device=features.device)
        self.farthest = features.new_zeros(total)
        self._features, self._squares = features, squares
        self._metric, self._tile = metric, tile

    def compare(self, pair: tuple[int, int]) -> list[_Found]:
        """What a tile has for its rows, and for its columns unless they are the same."""
        rows, columns = (slice(start, min(start + self._tile, len(self._features))) for start in pair)
        left, squares = self._features[rows], self._squares
        if self._metric is Distance.COSINE:
            left = left / lengths(squares[rows])[:, None]
        found = tile_distances(left, self._features[columns], squares[rows], squares[columns], self._metric)
        if rows == columns:
            found.fill_diagonal_(-1)  # itself comes first
            return [self._candidates(found, rows, columns.start)]
        return [self._candidates(found, rows, columns.start), self._candidates(found.T, columns, rows.start)]

    def _candidates(self, found: torch.Tensor, rows: slice, first: int) -> _Found:
        """Of `found`, distances to the features from `first` on, those not above the farthest that is kept."""
        keep = self.nearest.shape[1]
        bound = self.nearest[rows, -1]
        if torch.isinf(bound).any():
            bound = torch.topk(found, min(keep, found.shape[1]), dim=1, largest=False).values[:, -1]
        # the columns of a tile are rows of its transpose; a mask is a quarter of it and cheaper to turn
        near = found <= bound[:, None] if found.is_contiguous() else (bound >= found.T).T
        places = near.contiguous().nonzero()
        counts = torch.bincount(places[:, 0], minlength=found.shape[0])
        order = torch.arange(len(places), device=places.device) - (counts.cumsum(0) - counts)[places[:, 0]]
        width = int(counts.max()) if len(counts) else 0
        distances = found.new_full((found.shape[0], width), torch.inf)
        indices = places.new_zeros((found.shape[0], width))
        distances[places[:, 0], order] = found[places[:, 0], places[:, 1]]
        indices[places[:, 0], order] = places[:, 1] + first
        return _Found(rows, distances, indices, found.amax(1))

    def merge(self, found: _Found) -> None:
        """A stable sort: of equal distances the lower index, which came before, stays before."""
        keep, rows = self.nearest.shape[1], found.rows
        torch.maximum(self.farthest[rows], found.farthest, out=self.farthest[rows])
        both = torch.cat([self.nearest[rows], found.distances], 1)
        kept, chosen = torch.sort(both, dim=1, stable=True)
        indices = torch.cat([self.indices[rows], found.indices], 1).gather(1, chosen[:, :keep])
        self.nearest[rows], self.indices[rows] = kept[:, :keep], indices
