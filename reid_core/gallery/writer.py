"""Writing an index: one writer at a time, each step whole or not there."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from filelock import FileLock, Timeout

from reid_core.errors import Conflict, DataError, Finding, ReidTuneError
from reid_core.gallery import manifest
from reid_core.gallery.index import GalleryIndex, open_index
from reid_core.gallery.items import Item, write_array
from reid_core.gallery.manifest import Manifest, ThresholdMark
from reid_core.gallery.segments import flush_folder, write_segment
from reid_core.gallery.settling import settled
from reid_core.gallery.structure import Asked
from reid_core.gallery.vectors import unit

__all__ = ["IndexWriter", "create_index", "writing"]

_LOCK = ".writer.lock"
_OURS = ("segment-*", "removed-*", "structure-*")


def create_index(folder: Path, dim: int, *, model: str = "", kind: Asked = "auto", wait: float = 0.0) -> None:
    """An empty index in `folder` for vectors of `dim` numbers. Raises Conflict when there is one already.

    `model` is the name of the model whose embeddings they are; `kind` the structure, by size unless it is named.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder, wait):
        if (folder / manifest.MANIFEST).exists():
            raise Conflict(f"there is an index in {folder} already", hint="`reid-tune index add` adds to it")
        manifest.write(folder, Manifest(dim=dim, model=model, asked=kind))


@contextmanager
def writing(folder: Path, *, wait: float = 60.0, log: Callable[[str], None] | None = None) -> Iterator[IndexWriter]:
    """The one writer of the index in `folder`; brings its structure up to date when the block ends well.

    Raises NotFound without an index, Conflict when another one writes for longer than `wait` seconds.
    """
    manifest.read(folder)
    with _alone(folder, wait):
        try:
            writer = IndexWriter(folder)
            writer.sweep()
            yield writer
            writer.settle(log)
        except OSError as error:
            raise ReidTuneError(
                f"cannot write the index {folder}: {error.strerror or error}", hint="it is as it was before this step"
            ) from error


class IndexWriter:
    """Adds and removes; after each call the new state is the current one, durably."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = manifest.read(folder)

    def index(self) -> GalleryIndex:
        """What readers see now."""
        return open_index(self.folder)

    def add(self, vectors: npt.NDArray[np.floating], items: Sequence[Item]) -> range:
        """Add vectors (N, D) with their items; returns their ids. Raises DataError for those that do not fit."""
        if vectors.ndim != 2 or vectors.shape[1] != self.state.dim or len(vectors) != len(items):
            message = f"{vectors.shape} vectors with {len(items)} items do not fit an index of {self.state.dim} numbers"
            raise DataError(Finding("wrong-width", message, file=str(self.folder)))
        given = range(self.state.next_id, self.state.next_id + len(items))
        if not items:
            return given
        try:
            rows = unit(vectors)
        except ValueError as error:
            raise DataError(Finding("bad-vector", str(error), file=str(self.folder))) from error
        mark = write_segment(self.folder, rows, np.arange(given.start, given.stop, dtype=np.int64), items)
        self.commit(segments=(*self.state.segments, mark), next_id=given.stop)
        return given

    def remove(self, ids: Collection[int]) -> int:
        """Remove ids, returns how many of them were there."""
        index = self.index()
        gone = np.intersect1d(index.ids, np.fromiter(ids, np.int64, len(ids)))
        if not gone.size:
            return 0
        removed = np.union1d(index.removed, gone)
        name = f"removed-{self.state.generation + 1:08d}.npy"
        write_array(self.folder / name, removed)
        flush_folder(self.folder)
        self.commit(removed=name, removed_rows=len(removed))
        self.sweep()
        return int(gone.size)

    def set_threshold(self, threshold: ThresholdMark | None) -> None:
        """Keep the distance up to which two are the same identity."""
        self.commit(threshold=threshold)

    def commit(self, **changes: Any) -> None:
        """The next generation, with these fields of the manifest changed. Raises OSError."""
        self.state = self.state.model_copy(update={**changes, "generation": self.state.generation + 1})
        manifest.write(self.folder, self.state)

    def settle(self, log: Callable[[str], None] | None = None) -> None:
        """Merge small segments, forget removed vectors, bring structure, recall and distances up to date."""
        changes = settled(self.index(), log or (lambda _: None))
        if changes:
            self.commit(**changes)
            self.sweep()

    def sweep(self) -> None:
        """Delete what no generation needs: what a killed writer left, and what was replaced."""
        kept = self.state.names()
        for pattern in _OURS:
            for path in self.folder.glob(pattern):
                if path.name not in kept:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()


@contextmanager
def _alone(folder: Path, wait: float) -> Iterator[None]:
    try:
        with FileLock(folder / _LOCK, timeout=wait):
            yield
    except Timeout as error:
        raise Conflict(
            f"another process writes the index {folder}", hint="wait for it, or give --wait SECONDS"
        ) from error
