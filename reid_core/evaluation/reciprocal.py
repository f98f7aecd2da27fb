"""k-reciprocal encoding (Zhong et al., CVPR 2017, section 3) as sparse rows: no N x N matrix.

Two features are k-reciprocal neighbours when each is among the other's k nearest, itself not counted. Row i of the
encoding holds exp(-d) for the neighbours of i, scaled to sum 1, where d is the squared distance as a share of the
largest that i has to any.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from reid_core.evaluation.distance import Array, Distance, unit_rows
from reid_core.evaluation.labels import Integers
from reid_core.evaluation.neighbours import neighbours

__all__ = ["Encoding", "encode", "shared_weights", "squared"]


@dataclass(frozen=True, slots=True, eq=False)
class Encoding:
    """Of N features: sparse `rows` (N, N), each of sum 1, and `farthest` (N,), their largest squared distances."""

    rows: sparse.csr_array
    farthest: Array


def encode(features: Array, *, k1: int, k2: int, metric: Distance) -> Encoding:
    """Encode features (N, D) by `k1` neighbours; a row becomes the mean of those of its `k2` nearest (equation 11).

    The first of the `k2` is the feature itself: 1 changes nothing. Numbers larger than N count as N. `metric` is
    cosine or squared Euclidean.
    """
    if metric is Distance.COSINE:
        features = unit_rows(features)
    near = neighbours(features, max(k1 + 1, k2), metric=metric)
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


def shared_weights(columns: Integers, values: Array, answering: sparse.csc_array) -> Array:
    """The sum over `columns` of min(value, entry), for each row of `answering` (G, N): (G,)."""
    starts = answering.indptr[columns]
    lengths = answering.indptr[columns + 1] - starts
    ends = np.cumsum(lengths)
    entries = np.arange(lengths.sum()) + np.repeat(starts - (ends - lengths), lengths)
    least: Array = np.minimum(answering.data[entries], np.repeat(values, lengths))
    sums = np.bincount(answering.indices[entries], weights=least, minlength=answering.shape[0])
    return sums.astype(np.float64, copy=False)


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
    products = np.empty(pairs.nnz, features.dtype)
    for row, (start, stop) in enumerate(zip(pairs.indptr[:-1], pairs.indptr[1:], strict=True)):
        np.matmul(features[pairs.indices[start:stop]], features[row], out=products[start:stop])
    if metric is Distance.COSINE:
        squares: Array = np.square(1 - products)
        return squares
    lengths = np.einsum("nd,nd->n", features, features)
    squares = np.repeat(lengths, np.diff(pairs.indptr)) + lengths[pairs.indices] - 2 * products
    return np.maximum(squares, 0, out=squares)
