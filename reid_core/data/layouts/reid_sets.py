"""Folders that are re-identification data sets, for tasks that would take their splits for classes."""

from __future__ import annotations

from pathlib import Path

from reid_core.data.layouts.manifest import MANIFEST, read_rows
from reid_core.data.layouts.recognise import own_layout
from reid_core.data.records import Layout
from reid_core.errors import DataError, Finding

__all__ = ["refuse_reid_set"]

_MEASURED = frozenset({"query", "gallery"})  # splits that only a ReID manifest has
_OTHERS = frozenset({"test", "val"})


def refuse_reid_set(root: Path, hint: str) -> None:
    """Raise DataError with one finding where `root` is a data set of persons or vehicles to be found again.

    A manifest is one where it has rows of query and of gallery, and none of test or val.
    """
    layout = own_layout(root)
    if layout is None or (layout is Layout.MANIFEST and not _asks_a_gallery(root)):
        return
    message = f"this is a re-identification data set ({layout.value})"
    raise DataError(Finding("reid-data", message, file=str(root), hint=hint, key="DATASETS.ROOT"))


def _asks_a_gallery(root: Path) -> bool:
    try:
        splits = {row.fields.get("split", "") for row in read_rows(root / MANIFEST, ["split"])}
    except DataError:  # whoever reads the manifest says what is wrong with it
        return False
    return splits >= _MEASURED and splits.isdisjoint(_OTHERS)
