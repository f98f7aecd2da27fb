"""Exact search: the nearest of rows that may be larger than memory, block by block."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["NOBODY", "Block", "Floats", "Hits", "Ids", "exact", "merged", "unit"]

Floats: TypeAlias = npt.NDArray[np.float32]
Ids: TypeAlias = npt.NDArray[np.int64]
NOBODY = -1
"""The id where there are fewer hits than were asked for; its distance is infinite."""
_ROWS = 16384  # of the gallery at a time: 32 MiB of 512 float32


@dataclass(frozen=True, slots=True, eq=False)
class Hits:
    """For each query (Q,) its nearest: ids (Q, k) and cosine distances (Q, k), nearest first, equal ones by id."""

    ids: Ids
    distances: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Vectors (N, D) of unit length, their ids (N,), and which of them are removed, as positions."""

    vectors: Floats
    ids: Ids
    dead: Ids


def unit(vectors: npt.NDArray[np.floating]) -> Floats:
    """Rows (N, D) as float32 of length 1. Raises ValueError for a row that is zero or not finite."""
    made = np.ascontiguousarray(vectors, np.float32)
    lengths = np.sqrt(np.einsum("nd,nd->n", made, made))
    wrong = np.flatnonzero(~np.isfinite(lengths) | (lengths == 0))
    if wrong.size:
        raise ValueError(f"vector {wrong[0]} has no direction: its length is {lengths[wrong[0]]}")
    if np.abs(lengths - 1).max(initial=0) < 1e-6:
        return made
    scaled: Floats = made / lengths[:, None]
    return scaled


def exact(queries: Floats, blocks: Iterable[Block], top: int) -> Hits:
    """The `top` nearest of all blocks to each query (Q, D), removed ones left out."""
    found = Hits(np.full((len(queries), 0), NOBODY), np.zeros((len(queries), 0), np.float32))
    for block in blocks:
        dead = np.zeros(len(block.ids), bool)
        dead[block.dead] = True
        for start in range(0, len(block.ids), _ROWS):
            part = slice(start, start + _ROWS)
            distances = 1 - queries @ np.asarray(block.vectors[part]).T
            np.maximum(distances, 0, out=distances)  # rounding: of an image to itself it may be -1e-7
            distances[:, dead[part]] = np.inf
            found = merged(found, _nearest(distances, np.asarray(block.ids[part]), top), top)
    return _padded(found, top)


def merged(first: Hits, second: Hits, top: int) -> Hits:
    """The `top` nearest of both."""
    ids = np.concatenate([first.ids, second.ids], axis=1)
    distances = np.concatenate([first.distances, second.distances], axis=1)
    order = np.lexsort((ids, distances))[:, :top]
    return Hits(np.take_along_axis(ids, order, 1), np.take_along_axis(distances, order, 1))


def _nearest(distances: Floats, ids: Ids, top: int) -> Hits:
    if distances.shape[1] > top:
        near = np.argpartition(distances, top - 1, axis=1)[:, :top]
        distances, chosen = np.take_along_axis(distances, near, 1), ids[near]
    else:
        chosen = np.broadcast_to(ids, distances.shape)
    return Hits(np.where(np.isfinite(distances), chosen, NOBODY), distances)


def _padded(hits: Hits, top: int) -> Hits:
    missing = top - hits.ids.shape[1]
    if missing <= 0:
        return hits
    wide = ((0, 0), (0, missing))
    return Hits(
        np.pad(hits.ids, wide, constant_values=NOBODY), np.pad(hits.distances, wide, constant_values=np.float32(np.inf))
    )
