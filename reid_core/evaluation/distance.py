"""Distances between two sets of features, in blocks of queries: the whole matrix never has to exist."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from functools import partial
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from reid_core.evaluation.products import ROW_STEP, on_device, product, side_by_side, stripes
from reid_core.signs import alive

__all__ = [
    "Array",
    "Distance",
    "distance_blocks",
    "distance_matrix",
    "lengths",
    "squared_lengths",
    "tile_distances",
    "unit_rows",
]

Array: TypeAlias = npt.NDArray[np.floating]
"""float32 or float64; results keep the dtype of the features."""

_BLOCK_BYTES = 64 << 20
_BAND_BYTES = 1 << 20


class Distance(StrEnum):
    """How far two embeddings are apart. Ranks are the same for Euclidean and squared Euclidean."""

    COSINE = "cosine"
    EUCLIDEAN = "euclidean"
    SQUARED_EUCLIDEAN = "squared_euclidean"


def unit_rows(features: Array) -> Array:
    """Rows (N, D) divided by their L2 norm; a row of zeros stays zero."""
    units: Array = features / lengths(torch.from_numpy(squared_lengths(features))).numpy()[:, None]
    return units


def distance_matrix(query: Array, gallery: Array, metric: Distance = Distance.COSINE) -> Array:
    """Distances (Q, G) of query (Q, D) to gallery (G, D): cosine is 1 - cos, in [0, 2]."""
    return np.concatenate([block for _, block in distance_blocks(query, gallery, metric)])


def distance_blocks(
    query: Array,
    gallery: Array,
    metric: Distance = Distance.COSINE,
    *,
    rows: int | None = None,
    device: torch.device | None = None,
) -> Iterator[tuple[slice, Array]]:
    """Yield (rows of the query set, their distances (rows, G)) in order; a block is the caller's to change.

    `rows` defaults to about 64 MiB a block and changes no distance. The products run on as many threads as torch has
    (whoever owns the process sets their number: torch.set_num_threads), or on `device`, where the gallery is copied to.
    """
    size = rows or max(1, _BLOCK_BYTES // max(1, gallery.shape[0] * gallery.itemsize) // ROW_STEP) * ROW_STEP
    right, squares = on_device(gallery, device), on_device(squared_lengths(gallery), device)
    for start in range(0, query.shape[0], size):
        alive()
        part = slice(start, min(start + size, query.shape[0]))
        with side_by_side(device) as (spread, count):
            pieces = [query[part][stripe] for stripe in stripes(part.stop - start, count)]
            found = list(spread(partial(_against, right, squares, metric), pieces))
        yield part, (found[0] if len(found) == 1 else torch.cat(found)).cpu().numpy()


def tile_distances(
    left: torch.Tensor, right: torch.Tensor, left_squares: torch.Tensor, right_squares: torch.Tensor, metric: Distance
) -> torch.Tensor:
    """Distances (M, G) of left (M, D) to right (G, D), given their squared lengths.

    For cosine the rows of `left` have length 1 already; `right`, which may fill the memory, is not copied for that.
    """
    found = product(left, right)
    bands = max(1, _BAND_BYTES // max(1, found.shape[1] * found.element_size()))
    if metric is Distance.COSINE:
        shrink = lengths(right_squares)
    for start in range(0, found.shape[0], bands):  # band by band: what was just touched is still in the caches
        band = found[start : start + bands]
        if metric is Distance.COSINE:
            band.div_(shrink).neg_().add_(1)
            continue
        band.mul_(-2).add_(right_squares).add_(left_squares[start : start + bands, None])
        band.clamp_(min=0)  # rounding may leave it slightly below zero
        if metric is Distance.EUCLIDEAN:
            band.sqrt_()
    return found


def _against(right: torch.Tensor, squares: torch.Tensor, metric: Distance, query: Array) -> torch.Tensor:
    left = unit_rows(query) if metric is Distance.COSINE else query
    return tile_distances(
        on_device(left, right.device), right, on_device(squared_lengths(left), right.device), squares, metric
    )


def squared_lengths(features: Array) -> Array:
    """Of each row of (N, D): (N,), without a copy of features whose rows lie in memory one after another."""
    features = np.ascontiguousarray(features)  # with other strides the sums are rounded otherwise
    squares: Array = np.einsum("nd,nd->n", features, features)
    return squares


def lengths(squares: torch.Tensor) -> torch.Tensor:
    """Square roots of squared lengths, to divide by: never 0."""
    return squares.clamp(min=torch.finfo(squares.dtype).tiny).sqrt()
