"""The state of an index: one small JSON file that names everything else, swapped by a rename.

A folder holds `index.json`, and what it names: segments (folders of vectors and items, never changed), the list of
removed ids, and the searchable structure of faiss. A writer puts new ones beside them, flushes them to the disk, then
swaps `index.json`: whoever reads sees the old state or the new one, and a killed writer leaves the old one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from reid_core.engine.durable import write_atomically
from reid_core.errors import DataError, Finding, NotFound

__all__ = ["MANIFEST", "Manifest", "SegmentMark", "StructureMark", "ThresholdMark", "read", "write"]

MANIFEST = "index.json"
_FORMAT = 1


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SegmentMark(_Frozen):
    """A folder of `rows` vectors with their ids and items."""

    folder: str
    rows: int


class StructureMark(_Frozen):
    """The file of faiss over all ids below `until`, and what it loses: `recall` at 10 in [0, 1] on `sample` queries.

    It was trained when the index had `rows` vectors, in `seconds`.
    """

    file: str
    kind: Literal["hnsw", "ivfpq"]
    rows: int
    until: int
    probes: int = 0
    recall: float | None = None
    sample: int = 0
    seconds: float = 0.0


class ThresholdMark(_Frozen):
    """The largest cosine distance that is the same identity: false ones are a share `fpr`, true ones `tpr`.

    One that is `kept` was given, or measured on other images than the index's own, and stays when those change.
    """

    distance: float
    fpr: float | None = None
    tpr: float | None = None
    source: str = ""
    kept: bool = False


class Manifest(_Frozen):
    """One generation.

    `model` is the name of the card of the model whose vectors these are, empty when nobody said. `next_id` was never
    given to a vector; `removed` is a file of ids, empty when there are none; `spread` counts the distances of a sample
    to their nearest in bins of `drift.EDGES`, taken when `next_id` was `measured`.
    """

    format: int = _FORMAT
    generation: int = 0
    dim: int
    model: str = ""
    next_id: int = 0
    segments: tuple[SegmentMark, ...] = ()
    removed: str = ""
    removed_rows: int = 0
    structure: StructureMark | None = None
    threshold: ThresholdMark | None = None
    asked: Literal["auto", "flat", "hnsw", "ivfpq"] = "auto"
    spread: tuple[int, ...] = ()
    measured: int = 0

    @property
    def rows(self) -> int:
        """Vectors that a search can find."""
        return sum(segment.rows for segment in self.segments) - self.removed_rows

    def names(self) -> set[str]:
        """Everything in the folder that this generation needs."""
        kept = {segment.folder for segment in self.segments}
        return kept | {name for name in (self.removed, self.structure.file if self.structure else "") if name}


def read(folder: Path) -> Manifest:
    """The current state. Raises NotFound without one, DataError for one that is none or of another version."""
    path = folder / MANIFEST
    try:
        text = path.read_text()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFound(f"there is no index in {folder}", hint="make one with `reid-tune index build`") from error
    try:
        found = Manifest.model_validate(json.loads(text))
    except (ValueError, ValidationError) as error:
        raise DataError(Finding("bad-index", f"is no index of this version: {error}", file=str(path))) from error
    if found.format != _FORMAT:
        raise DataError(Finding("bad-index", f"has format {found.format}, this version reads {_FORMAT}", str(path)))
    return found


def write(folder: Path, manifest: Manifest) -> None:
    """Make `manifest` the current state, durably. Raises OSError."""
    write_atomically(folder / MANIFEST, (manifest.model_dump_json(indent=2) + "\n").encode())
