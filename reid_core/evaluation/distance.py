"""Distances between two sets of features, in blocks of queries: the whole matrix never has to exist."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from reid_core.signs import alive

__all__ = ["Array", "Distance", "distance_blocks", "distance_matrix", "unit_rows"]

Array: TypeAlias = npt.NDArray[np.floating]
"""float32 or float64; results keep the dtype of the features."""

_BLOCK_BYTES = 64 << 20


class Distance(StrEnum):
    """How far two embeddings are apart. Ranks are the same for Euclidean and squared Euclidean."""

    COSINE = "cosine"
    EUCLIDEAN = "euclidean"
    SQUARED_EUCLIDEAN = "squared_euclidean"


def unit_rows(features: Array) -> Array:
    """Rows (N, D) divided by their L2 norm; a row of zeros stays zero."""
    return features / _norms(_squares(features))[:, None]


def distance_matrix(query: Array, gallery: Array, metric: Distance = Distance.COSINE) -> Array:
    """Distances (Q, G) of query (Q, D) to gallery (G, D): cosine is 1 - cos, in [0, 2]."""
    return np.concatenate([block for _, block in distance_blocks(query, gallery, metric)])


def distance_blocks(
    query: Array, gallery: Array, metric: Distance = Distance.COSINE, *, rows: int | None = None
) -> Iterator[tuple[slice, Array]]:
    """Yield (rows of the query set, their distances (rows, G)) in order; a block is the caller's to change.

    `rows` defaults to about 64 MiB a block. The product runs on torch's CPU threads: whoever owns the process
    sets their number (torch.set_num_threads).
    """
    size = rows or max(1, _BLOCK_BYTES // max(1, gallery.shape[0] * gallery.itemsize))
    transposed = torch.from_numpy(np.ascontiguousarray(gallery)).T
    squares = _squares(gallery)
    for start in range(0, query.shape[0], size):
        alive()
        part = slice(start, min(start + size, query.shape[0]))
        left = unit_rows(query[part]) if metric is Distance.COSINE else np.ascontiguousarray(query[part])
        product: Array = (torch.from_numpy(left) @ transposed).numpy()
        if metric is Distance.COSINE:
            product /= _norms(squares)  # the gallery is not copied to be normalised: it may fill the memory
            yield part, np.subtract(1, product, out=product)
        else:
            yield part, _euclidean(product, left, squares, root=metric is Distance.EUCLIDEAN)


def _squares(features: Array) -> Array:
    squares: Array = np.einsum("nd,nd->n", features, features)
    return squares


def _norms(squares: Array) -> Array:
    norms: Array = np.sqrt(np.maximum(squares, np.finfo(squares.dtype).tiny))
    return norms


def _euclidean(product: Array, query: Array, gallery_squares: Array, *, root: bool) -> Array:
    """|q - g|^2 = |q|^2 + |g|^2 - 2 q.g, in place; rounding may leave it slightly below zero."""
    product *= -2
    product += gallery_squares
    product += _squares(query)[:, None]
    np.maximum(product, 0, out=product)
    return np.sqrt(product, out=product) if root else product
