"""What an index loses and how far its vectors are apart, measured on a sample of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reid_core.gallery.drift import binned
from reid_core.gallery.index import GalleryIndex

__all__ = ["Quality", "measure"]

SAMPLE = 200
AT = 10
_SEED = 7


@dataclass(frozen=True, slots=True)
class Quality:
    """`recall` at 10 against exact search (1.0 without a structure) of `sample` queries, and their nearest distances.

    `nearest` counts the distances to the nearest other vector in bins of `drift.EDGES`.
    """

    recall: float
    sample: int
    nearest: npt.NDArray[np.int64]


def measure(index: GalleryIndex, sample: int = SAMPLE) -> Quality:
    """Ask for the 10 nearest others of `sample` vectors of the index, drawn with a fixed seed."""
    drawn = np.random.default_rng(_SEED)
    chosen = np.sort(drawn.choice(index.ids, min(sample, len(index.ids)), replace=False))
    if chosen.size < 2:
        return Quality(1.0, int(chosen.size), binned(np.empty(0, np.float32)))
    queries = index.vectors(chosen)
    true = index.search(queries, AT + 1, whole=True)
    others = true.ids != chosen[:, None]
    nearest = np.where(others, true.distances, np.inf).min(axis=1)
    if index.state.structure is None:
        return Quality(1.0, int(chosen.size), binned(nearest))
    found = index.search(queries, AT + 1)
    kept = [
        np.isin(_without(want, own), have).mean() for want, have, own in zip(true.ids, found.ids, chosen, strict=True)
    ]
    return Quality(float(np.mean(kept)), int(chosen.size), binned(nearest))


def _without(ids: npt.NDArray[np.int64], own: int) -> npt.NDArray[np.int64]:
    others: npt.NDArray[np.int64] = ids[ids != own][:AT]
    return others
