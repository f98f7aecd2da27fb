"""Who is on the images of a query set and a gallery, and which of them count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Integers", "Labels"]

Integers: TypeAlias = npt.NDArray[np.integer]


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """Identities and cameras of Q queries and G gallery images.

    With camera ids, gallery images of the query's identity from its own camera are left out of its list.
    Without (both None), only the query itself is: `own_index` (Q,) is its place in the gallery, -1 where it
    is not there.
    Raises ValueError when lengths do not fit together.
    """

    query_pids: Integers
    gallery_pids: Integers
    query_camids: Integers | None = None
    gallery_camids: Integers | None = None
    own_index: Integers | None = None

    def __post_init__(self) -> None:
        queries, gallery = self.query_pids.size, self.gallery_pids.size
        for name, array, length in (
            ("query_camids", self.query_camids, queries),
            ("own_index", self.own_index, queries),
            ("gallery_camids", self.gallery_camids, gallery),
        ):
            if array is not None and array.shape != (length,):
                raise ValueError(f"{name} has shape {array.shape}, expected ({length},)")
        if (self.query_camids is None) != (self.gallery_camids is None):
            raise ValueError("camera ids are given for one side only; give both or none")

    def same_identity(self) -> list[Integers]:
        """For each query, the gallery positions of its identity, ascending."""
        order = np.argsort(self.gallery_pids, kind="stable")
        pids = self.gallery_pids[order]
        starts = np.searchsorted(pids, self.query_pids, side="left")
        stops = np.searchsorted(pids, self.query_pids, side="right")
        return [order[start:stop] for start, stop in zip(starts.tolist(), stops.tolist(), strict=True)]

    def split(self, query: int, candidates: Integers) -> tuple[Integers, Integers]:
        """Part the gallery positions with the query's identity into (matches, left out)."""
        if self.query_camids is not None and self.gallery_camids is not None:
            out = self.gallery_camids[candidates] == self.query_camids[query]
        elif self.own_index is not None:
            out = candidates == self.own_index[query]
        else:
            return candidates, candidates[:0]
        return candidates[~out], candidates[out]
