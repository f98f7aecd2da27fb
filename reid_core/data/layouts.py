"""From a folder to a Dataset: recognise the layout, read it, check it, fingerprint it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from reid_core.data.checks import check
from reid_core.data.files import Found
from reid_core.data.folders import is_folders, read_folders
from reid_core.data.manifest import is_manifest, read_manifest
from reid_core.data.market1501 import is_market1501, read_market1501
from reid_core.data.records import Dataset, Layout
from reid_core.data.sources import FileSource
from reid_core.errors import DataError, Finding

__all__ = ["file_fingerprint", "read_dataset", "recognise"]


def read_dataset(
    root: Path, layout: Layout | None = None, *, no_cameras: bool = False, skip_bad: bool = False
) -> Dataset:
    """Read the images named below `root`, without decoding any. `layout` None recognises it.

    `no_cameras`: camera ids are missing or mean nothing. `skip_bad`: names that do not parse and files that are missing
    are left out and counted instead of refused. Raises DataError.
    """
    if not root.is_dir():
        what = "is a file, not a folder" if root.exists() else "does not exist"
        raise DataError(
            Finding(
                "missing-folder", f"the data folder {what}", file=str(root), hint="check --data", key="DATASETS.ROOT"
            )
        )
    kind = layout or recognise(root)
    found = _read(root, kind, no_cameras=no_cameras, skip_bad=skip_bad)
    warnings = check(found, str(root), no_cameras=no_cameras)
    return Dataset(
        layout=kind,
        train=tuple(found.train),
        query=tuple(found.query),
        gallery=tuple(found.gallery),
        fingerprint=file_fingerprint(root, found),
        source=FileSource(root),
        ignored={reason: count for reason, count in sorted(found.ignored.items()) if count > 0},
        warnings=(*found.warnings, *warnings),
    )


def recognise(root: Path) -> Layout:
    """The layout of `root`: Market-1501's folders before a manifest.csv before one folder per identity."""
    if is_market1501(root):
        return Layout.MARKET1501
    if is_manifest(root):
        return Layout.MANIFEST
    inner = [
        folder
        for folder in sorted(root.iterdir())
        if folder.is_dir() and (is_market1501(folder) or is_manifest(folder))
    ]
    if inner:
        raise DataError(
            Finding(
                "unknown-layout",
                f"the data set lies one folder further down: {inner[0]}",
                file=str(root),
                hint=f"use --data {inner[0]}",
                key="DATASETS.ROOT",
            )
        )
    if is_folders(root):
        return Layout.FOLDERS
    raise DataError(
        Finding(
            "no-images",
            "there is no image in it, or none in a layout known here",
            file=str(root),
            hint="layouts: bounding_box_train/, query/ and bounding_box_test/ (Market-1501); a manifest.csv with "
            "file,pid,camid,split; or one folder per identity",
            key="DATASETS.ROOT",
        )
    )


def file_fingerprint(root: Path, found: Found) -> str:
    """The sha256 over sorted (path, size, identity, camera, split); the same wherever the folder lies."""
    rows = [
        (record.path, (root / record.path).stat().st_size, record.pid, record.camid, split)
        for split, part in (("train", found.train), ("query", found.query), ("gallery", found.gallery))
        for record in part
    ]
    digest = hashlib.sha256()
    for row in sorted(rows):
        digest.update("\0".join(map(str, row)).encode() + b"\n")
    return digest.hexdigest()


def _read(root: Path, layout: Layout, *, no_cameras: bool, skip_bad: bool) -> Found:
    if layout is Layout.MARKET1501:
        return read_market1501(root, skip_bad=skip_bad)
    if layout is Layout.MANIFEST:
        return read_manifest(root, no_cameras=no_cameras, skip_bad=skip_bad)
    if layout is Layout.FOLDERS:
        return read_folders(root, no_cameras=no_cameras)
    raise ValueError(f"layout {layout} is not read from a folder")
