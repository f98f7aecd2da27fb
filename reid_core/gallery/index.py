"""Reading an index: one generation of it, whatever writers do meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import numpy as np

from reid_core.errors import Conflict, DataError, Finding
from reid_core.gallery import manifest
from reid_core.gallery.items import Item
from reid_core.gallery.manifest import Manifest
from reid_core.gallery.segments import Segment
from reid_core.gallery.structure import Structure
from reid_core.gallery.vectors import NOBODY, Block, Floats, Hits, Ids, exact, merged, unit

__all__ = ["GalleryIndex", "open_index"]

_TRIES = 20
_REFINED = 20
"""Candidates of a structure that are compared exactly, for each hit asked for."""
RERANKED = 100
"""Nearest that re-ranking puts in a new order, at least."""


class GalleryIndex:
    """One generation of the index in `folder`: whole and unchanged while it is used. Safe for threads that search."""

    def __init__(self, folder: Path, state: Manifest) -> None:
        self.folder = folder
        self.state = state
        self.segments = [Segment(folder, mark) for mark in state.segments]
        self.removed: Ids = np.load(folder / state.removed) if state.removed else np.empty(0, np.int64)
        """Ids (R,) that are in the segments still and are not found any more, ascending."""
        mark = state.structure
        self._structure = Structure.load(folder / mark.file, mark.kind, mark.probes) if mark else None

    def __len__(self) -> int:
        return self.state.rows

    @property
    def dim(self) -> int:
        """D, the width of the vectors."""
        return self.state.dim

    def check_model(self, name: str) -> None:
        """Raise Conflict when the vectors in here are another model's; a model or index without a name passes."""
        if self.state.model and name and name != self.state.model:
            raise Conflict(
                f"the index {self.folder} holds embeddings of {self.state.model}, not of {name}",
                hint="search with that model, or build an index of the other one's embeddings",
            )

    def search(self, queries: Floats, top: int = 10, *, whole: bool = False) -> Hits:
        """The `top` nearest of queries (Q, D): ids and cosine distances (Q, top), nearest first.

        Distances are exact; with a structure some of the nearest may be missing (its recall is in `state`), unless
        `whole` compares every vector. Raises DataError for queries of another width and those without a direction.
        """
        if queries.ndim != 2 or queries.shape[1] != self.dim:
            message = f"queries are {queries.shape}, the index holds vectors of {self.dim} numbers"
            raise DataError(Finding("wrong-width", message, file=str(self.folder)))
        try:
            asked = unit(queries)
        except ValueError as error:
            raise DataError(Finding("bad-vector", f"of the queries, {error}", file=str(self.folder))) from error
        if self._structure is None or whole:
            return exact(asked, self.blocks(), top)
        found = self._refined(asked, self._structure, top)
        return merged(found, exact(asked, self.later(), top), top)

    def reranked(self, queries: Floats, top: int = 10) -> Hits:
        """The same after k-reciprocal re-ranking of the nearest candidates of each query; distances are re-ranked."""
        from reid_core.evaluation.rerank import rerank  # noqa: PLC0415 - it loads torch, which no other search needs

        first = self.search(queries, max(RERANKED, 4 * top))
        ids = np.full((len(queries), top), NOBODY)
        distances = np.full((len(queries), top), np.inf, np.float32)
        for row, query in enumerate(unit(queries)):
            near = first.ids[row][first.ids[row] != NOBODY]
            again = rerank(query[None], self.vectors(near))[0] if near.size else np.empty(0, np.float32)
            order = np.argsort(again, kind="stable")[:top]
            ids[row, : order.size], distances[row, : order.size] = near[order], again[order]
        return Hits(ids, distances)

    def vectors(self, ids: Ids) -> Floats:
        """Vectors (N, D) of ids (N,). KeyError for one that is not there."""
        made = np.empty((len(ids), self.dim), np.float32)
        missing = np.ones(len(ids), bool)
        for segment in self.segments:
            here, rows = segment.positions(ids)
            made[here], missing[here] = segment.vectors[rows], False
        if missing.any():
            raise KeyError(int(ids[missing][0]))
        return made

    def item(self, id_: int) -> Item:
        """The item of one id. KeyError for one that is not there."""
        for segment in self.segments:
            _, rows = segment.positions(np.array([id_]))
            if rows.size:
                return segment.items[int(rows[0])]
        raise KeyError(id_)

    def rows(self) -> Iterator[tuple[int, Item]]:
        """Every id with its item, by id."""
        dead = set(self.removed.tolist())
        for segment in self.segments:
            for row, id_ in enumerate(segment.ids.tolist()):
                if id_ not in dead:
                    yield id_, segment.items[row]

    def files(self) -> set[str]:
        """The files of all items."""
        if self.removed.size:
            return {item.file for _, item in self.rows()}
        return {file for segment in self.segments for file in segment.items.files}

    @cached_property
    def ids(self) -> Ids:
        """All ids (N,), ascending."""
        parts = [np.asarray(segment.ids) for segment in self.segments]
        return np.setdiff1d(np.concatenate(parts) if parts else np.empty(0, np.int64), self.removed)

    def blocks(self) -> Iterator[Block]:
        """Every vector, segment by segment."""
        return (segment.block(self.removed) for segment in self.segments)

    def refreshed(self) -> GalleryIndex:
        """This one while it is the current generation, else the current one, opened."""
        return self if manifest.read(self.folder).generation == self.state.generation else open_index(self.folder)

    def later(self) -> Iterator[Block]:
        """What was added after the structure."""
        until = self.state.structure.until if self.state.structure else 0
        for segment in self.segments:
            start = int(np.searchsorted(segment.ids, until))
            if start < len(segment.ids):
                block = segment.block(self.removed)
                yield Block(block.vectors[start:], block.ids[start:], block.dead[block.dead >= start] - start)

    def _refined(self, queries: Floats, structure: Structure, top: int) -> Hits:
        """The nearest of a structure's candidates, by their vectors."""
        near = structure.candidates(queries, min(top * _REFINED, max(top, structure.rows)), self.removed)
        ids = np.full((len(queries), top), NOBODY)
        distances = np.full((len(queries), top), np.inf, np.float32)
        for row, query in enumerate(queries):
            known = np.sort(near[row][near[row] != NOBODY])
            far = np.maximum(1 - self.vectors(known) @ query, 0)
            order = np.argsort(far, kind="stable")[:top]
            ids[row, : order.size], distances[row, : order.size] = known[order], far[order]
        return Hits(ids, distances)


def open_index(folder: Path) -> GalleryIndex:
    """The current generation of the index in `folder`. Raises NotFound, DataError.

    A writer may put the next one in its place between our reading its name and opening it: then that one is opened.
    """
    missing: FileNotFoundError | None = None
    for _ in range(_TRIES):
        try:
            return GalleryIndex(folder, manifest.read(folder))
        except FileNotFoundError as error:
            missing = error
    raise DataError(Finding("torn-index", f"the index misses a file: {missing}", str(folder))) from missing
