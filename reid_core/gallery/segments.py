"""Segments: folders of vectors, ids and items that are written once and never changed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from reid_core.gallery.items import Item, ItemColumns, write_array, write_items
from reid_core.gallery.manifest import SegmentMark
from reid_core.gallery.vectors import Block, Floats, Ids

__all__ = ["Segment", "flush_folder", "write_segment"]


class Segment:
    """One segment, mapped into memory. Raises FileNotFoundError when a writer has put another in its place."""

    def __init__(self, folder: Path, mark: SegmentMark) -> None:
        self.mark = mark
        place = folder / mark.folder
        self.vectors: Floats = np.load(place / "vectors.npy", mmap_mode="r")
        self.ids: Ids = np.load(place / "ids.npy", mmap_mode="r")
        self.items = ItemColumns(place)

    def block(self, removed: Ids) -> Block:
        """Its vectors for an exact search; `removed` (R,) ascends."""
        return Block(self.vectors, self.ids, self.positions(removed)[1])

    def positions(self, ids: Ids) -> tuple[Ids, Ids]:
        """Which of `ids` are here, as positions in `ids`, and their rows."""
        rows = np.searchsorted(self.ids, ids)
        here = np.flatnonzero(rows < len(self.ids))
        here = here[np.asarray(self.ids)[rows[here]] == ids[here]] if here.size else here
        return here, rows[here]


def write_segment(folder: Path, vectors: Floats, ids: Ids, items: Sequence[Item]) -> SegmentMark:
    """Write `vectors` (N, D) and their items as a new segment, durably. Raises OSError; leaves nothing then."""
    mark = SegmentMark(folder=f"segment-{ids[0]:012d}-{ids[-1]:012d}-{os.urandom(4).hex()}", rows=len(ids))
    place = folder / mark.folder
    try:
        place.mkdir()
        write_array(place / "vectors.npy", vectors)
        write_array(place / "ids.npy", ids)
        write_items(place, items)
        flush_folder(place)
        flush_folder(folder)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    return mark


def flush_folder(folder: Path) -> None:
    """See the names in a folder to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
