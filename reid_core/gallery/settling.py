"""What a writer does at the end: few segments, no dead weight, a structure that fits the size, figures of now."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from reid_core.gallery.index import GalleryIndex
from reid_core.gallery.manifest import Manifest, SegmentMark, StructureMark
from reid_core.gallery.quality import measure
from reid_core.gallery.segments import Segment, flush_folder, write_segment
from reid_core.gallery.structure import Kind, Structure, kind_for, sample_size
from reid_core.gallery.vectors import Floats, Ids

__all__ = ["settled"]

_SMALL, _MANY = 65_536, 16
"""Segments below so many vectors are merged once there are so many of them."""
_DEAD = 0.2
"""The share of removed vectors from which on they are dropped, and everything is written anew."""
_LATER = 0.05
"""The share of vectors outside the structure from which on they go into it."""
_SEED = 11
_PART = 65_536


def settled(index: GalleryIndex, log: Callable[[str], None]) -> dict[str, Any]:
    """The fields of the manifest that change, their files written durably; empty when everything is well."""
    state, changes = index.state, dict[str, Any]()
    if state.removed_rows > _DEAD * (state.rows + state.removed_rows):
        log(f"dropping {state.removed_rows:,} removed vectors")
        changes = {"segments": _rewritten(index), "removed": "", "removed_rows": 0, "structure": None}
    elif sum(mark.rows < _SMALL for mark in state.segments) > _MANY:
        changes = {"segments": _merged(index)}
    if changes:
        state = state.model_copy(update=changes)
        index = GalleryIndex(index.folder, state)
    structure = _structure(index, log)
    if structure != state.structure:
        changes["structure"] = structure
        index = GalleryIndex(index.folder, state.model_copy(update={"structure": structure}))
    if changes or not state.spread or _moved(state):
        quality = measure(index)
        changes["spread"] = tuple(quality.nearest.tolist())
        changes["measured"] = state.next_id
        if structure is not None:
            log(f"recall@10 {quality.recall:.3f} against exact search, {quality.sample} queries")
            update = {"recall": quality.recall, "sample": quality.sample}
            changes["structure"] = structure.model_copy(update=update)
    return changes


def _moved(state: Manifest) -> bool:
    """Whether a tenth of the vectors came after the last measurement."""
    return state.next_id - state.measured > 0.1 * state.rows


def _structure(index: GalleryIndex, log: Callable[[str], None]) -> StructureMark | None:
    """The mark of the structure that the index should have now, built or extended where it is not there."""
    state, mark = index.state, index.state.structure
    kind = kind_for(state.rows, state.asked)
    if kind == "flat" or state.rows < 2:
        return None
    if mark is None or mark.kind != kind or (kind == "ivfpq" and state.rows > 2 * mark.rows):
        return _built(index, kind, log)
    later = sum(len(block.ids) - block.dead.size for block in index.later())
    return _extended(index, mark) if later > _LATER * state.rows else mark


def _built(index: GalleryIndex, kind: Kind, log: Callable[[str], None]) -> StructureMark:
    began, state = time.perf_counter(), index.state
    log(f"building {kind} over {state.rows:,} vectors")
    drawn = np.random.default_rng(_SEED)
    sample = np.sort(drawn.choice(index.ids, sample_size(state.rows), replace=False))
    made = Structure.built(kind, index.vectors(sample), state.rows)
    made.add(_alive(index, 0))
    return _kept(index, made, state.rows, time.perf_counter() - began)


def _extended(index: GalleryIndex, mark: StructureMark) -> StructureMark:
    began = time.perf_counter()
    made = Structure.load(index.folder / mark.file, mark.kind, mark.probes, device="cpu")
    made.add(_alive(index, mark.until))
    return _kept(index, made, mark.rows, time.perf_counter() - began)


def _kept(index: GalleryIndex, made: Structure, rows: int, seconds: float) -> StructureMark:
    name = f"structure-{index.state.generation + 1:08d}-{os.urandom(4).hex()}.faiss"
    made.save(index.folder / name)
    flush_folder(index.folder)
    return StructureMark(
        file=name, kind=made.kind, rows=rows, until=index.state.next_id, probes=made.probes, seconds=seconds
    )


def _alive(index: GalleryIndex, start: int) -> Iterator[tuple[Floats, Ids]]:
    """Vectors and ids from id `start` on, in parts; removed ones too, for they are hidden when one searches."""
    for block in index.blocks():
        first = int(np.searchsorted(block.ids, start))
        for row in range(first, len(block.ids), _PART):
            part = slice(row, row + _PART)
            yield np.asarray(block.vectors[part]), np.asarray(block.ids[part])


def _rewritten(index: GalleryIndex) -> tuple[SegmentMark, ...]:
    """Segments without the removed vectors; those without any stay as they are."""
    made = []
    for segment in index.segments:
        dead = segment.positions(index.removed)[1]
        if not dead.size:
            made.append(segment.mark)
        elif dead.size < len(segment.ids):
            made.append(_copied(index, [segment], dead))
    return tuple(made)


def _merged(index: GalleryIndex) -> tuple[SegmentMark, ...]:
    """Runs of small segments as one each; ids stay in order."""
    made: list[SegmentMark] = []
    run: list[Segment] = []
    for segment in [*index.segments, None]:
        if segment is not None and segment.mark.rows < _SMALL:
            run.append(segment)
            continue
        if run:
            made.append(run[0].mark if len(run) == 1 else _copied(index, run, np.empty(0, np.int64)))
        run = []
        if segment is not None:
            made.append(segment.mark)
    return tuple(made)


def _copied(index: GalleryIndex, segments: list[Segment], dead: Ids) -> SegmentMark:
    """One new segment of several, without the rows `dead` (of a single one)."""
    vectors = np.delete(np.concatenate([one.vectors for one in segments]), dead, axis=0)
    ids = np.delete(np.concatenate([one.ids for one in segments]), dead)
    gone = set(dead.tolist())
    items = [one.items[row] for one in segments for row in range(len(one.ids)) if row not in gone]
    return write_segment(index.folder, vectors, ids, items)
