"""k-reciprocal encoding (Zhong et al., CVPR 2017, section 3) as sparse rows: no N x N matrix.

Two features are k-reciprocal neighbours when each is among the other's k nearest, itself not counted. Row i of the
encoding holds exp(-d) for the neighbours of i, scaled to sum 1, where d is the squared distance as a share of the
largest that i has to any.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from scipy import sparse

from reid_core.evaluation.distance import Array, Distance, squared_lengths, unit_rows
from reid_core.evaluation.neighbours import neighbours
from reid_core.evaluation.products import on_device, side_by_side, stripes
from reid_core.signs import alive

__all__ = ["Encoding", "SharedWeights", "encode", "squared"]

_PARTS = 64
"""Pieces of work that threads share."""


@dataclass(frozen=True, slots=True, eq=False)
class Encoding:
    """Of N features: sparse `rows` (N, N), each of sum 1, and `farthest` (N,), their largest squared distances."""

    rows: sparse.csr_array
    farthest: Array


def encode(features: Array, *, k1: int, k2: int, metric: Distance, device: torch.device | None = None) -> Encoding:
    """Encode features (N, D) by `k1` neighbours; a row becomes the mean of those of its `k2` nearest (equation 11).

    The first of the `k2` is the feature itself: 1 changes nothing. Numbers larger than N count as N. `metric` is
    cosine or squared Euclidean. Neighbours are searched on `device`.
    """
    if metric is Distance.COSINE:
        features = unit_rows(features)
    near = neighbours(features, max(k1 + 1, k2), metric=metric, device=device)
    farthest = squared(near.farthest, metric)
    # all at the same place: every share of it is 0, whatever it is divided by
    scale = np.where(farthest > 0, farthest, 1).astype(features.dtype)
    rows = _neighbourhoods(near.indices[:, : k1 + 1], near.indices[:, : round(k1 / 2) + 1])
    lengths = np.diff(rows.indptr)
    weights = np.exp(-_squares(features, rows, metric) / np.repeat(scale, lengths))
    weights /= np.repeat(np.add.reduceat(weights, rows.indptr[:-1]), lengths)  # no row is empty: it has itself
    rows = sparse.csr_array((weights, rows.indices, rows.indptr), shape=rows.shape)
    if min(k2, near.indices.shape[1]) > 1:
        chosen = near.indices[:, :k2]
        rows = _links(chosen, np.full(chosen.size, 1 / chosen.shape[1], features.dtype)) @ rows
    return Encoding(rows, farthest)


def squared(distances: Array, metric: Distance) -> Array:
    """Square distances in place, unless they are squares already."""
    return distances if metric is Distance.SQUARED_EUCLIDEAN else np.square(distances, out=distances)


class SharedWeights:
    """The sum over features of the smaller of two weights, for rows of `asking` (Q, N) and all of `answering` (G, N).

    That is how much two encodings have in common; only entries that both have are touched.
    """

    def __init__(self, asking: sparse.csr_array, answering: sparse.csr_array, device: torch.device | None) -> None:
        turned = answering.tocsc()
        self._asking, self._columns = _on(asking, device), _on(turned, device)
        self._gallery = answering.shape[0]

    def of(self, rows: slice) -> torch.Tensor:
        """(rows, G)."""
        bounds, columns, values = self._asking
        asked, count = slice(*bounds[[rows.start, rows.stop]].tolist()), rows.stop - rows.start
        starts = self._columns.bounds[columns[asked]]
        each = self._columns.bounds[columns[asked] + 1] - starts
        asker = torch.repeat_interleave(torch.diff(bounds[rows.start : rows.stop + 1]))
        turn = torch.repeat_interleave(each)  # which entry of `asked` meets each entry of its column
        entries = torch.arange(len(turn), device=turn.device) + (starts - (each.cumsum(0) - each))[turn]
        least = torch.minimum(self._columns.values[entries], values[asked][turn])
        target = asker[turn] * self._gallery + self._columns.places[entries]
        return least.new_zeros(count * self._gallery).index_add_(0, target, least).view(count, self._gallery)


class _Sparse(NamedTuple):
    bounds: torch.Tensor
    places: torch.Tensor
    values: torch.Tensor


def _on(matrix: sparse.csr_array | sparse.csc_array, device: torch.device | None) -> _Sparse:
    bounds, places = (on_device(part.astype(np.int64), device) for part in (matrix.indptr, matrix.indices))
    return _Sparse(bounds, places, on_device(matrix.data, device))


def _neighbourhoods(nearest: npt.NDArray[np.int64], half: npt.NDArray[np.int64]) -> sparse.csr_array:
    """Whose weights count: (N, N), the k-reciprocal neighbours and those that they bring along (equation 6).

    A neighbour brings its own neighbours within `half` when more than two thirds of them are there already.
    """
    first, second = _reciprocal(nearest), _reciprocal(half)
    common = (first @ second).multiply(first).tocsr()  # `second` is symmetric
    sizes = np.diff(second.indptr)
    common.data = (3 * common.data > 2 * sizes[common.indices]).astype(np.int32)
    common.eliminate_zeros()
    both = (first + common @ second).tocsr()
    both.sort_indices()
    return both


def _reciprocal(nearest: npt.NDArray[np.int64]) -> sparse.csr_array:
    """(N, N) of ones where i is among `nearest` of j and j among those of i."""
    one_way = _links(nearest, np.ones(nearest.size, np.int32))
    return one_way.multiply(one_way.T).tocsr()


def _links(columns: npt.NDArray[np.int64], values: npt.NDArray[np.generic]) -> sparse.csr_array:
    """(N, N) with `values` at `columns` (N, k) of each row."""
    count, each = columns.shape
    bounds = np.arange(0, count * each + 1, each, dtype=np.int32)
    return sparse.csr_array((values, columns.ravel().astype(np.int32), bounds), shape=(count, count))


def _squares(features: Array, pairs: sparse.csr_array, metric: Distance) -> Array:
    """Squared distances of the pairs of rows that are in `pairs`, in its order; cosine takes rows of unit length."""
    held = on_device(features, None)
    products = held.new_empty(pairs.nnz)
    others, bounds = torch.from_numpy(pairs.indices), pairs.indptr.tolist()

    def multiply(rows: slice) -> None:
        for row in range(rows.start, rows.stop):
            entries = slice(bounds[row], bounds[row + 1])
            torch.mv(held.index_select(0, others[entries]), held[row], out=products[entries])

    with side_by_side() as (spread, _):
        for _done in spread(multiply, stripes(len(features), _PARTS)):
            alive()
    found: Array = products.numpy()
    if metric is Distance.COSINE:
        np.subtract(1, found, out=found)
        np.square(found, out=found)
        return found
    own = squared_lengths(features)
    squares: Array = np.repeat(own, np.diff(pairs.indptr)) + own[pairs.indices] - 2 * found
    np.maximum(squares, 0, out=squares)
    return squares
