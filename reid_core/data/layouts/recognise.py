"""From a folder to a Dataset: recognise the layout, read it, check it, fingerprint it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from reid_core.data.checks import Use, check
from reid_core.data.files import Found
from reid_core.data.layouts.cuhk03 import is_cuhk03, read_cuhk03
from reid_core.data.layouts.folders import is_folders, read_folders
from reid_core.data.layouts.manifest import is_manifest, read_manifest
from reid_core.data.layouts.market1501 import MARKET1501
from reid_core.data.layouts.msmt17 import is_msmt17, read_msmt17
from reid_core.data.layouts.named_folders import NamedFolders
from reid_core.data.layouts.partial import OCCLUDED_REID, PARTIAL_ILIDS, PARTIAL_REID, QUERY_GALLERY
from reid_core.data.layouts.vehicleid import is_vehicleid, read_vehicleid
from reid_core.data.layouts.veri776 import VERI776
from reid_core.data.layouts.veriwild import is_veriwild, read_veriwild
from reid_core.data.records import Dataset, Layout
from reid_core.data.sources import FileSource
from reid_core.errors import DataError, Finding

__all__ = ["file_fingerprint", "found_dataset", "own_layout", "read_dataset", "recognise"]


def read_dataset(
    root: Path,
    layout: Layout | None = None,
    *,
    use: Use = Use.BOTH,
    no_cameras: bool = False,
    skip_bad: bool = False,
) -> Dataset:
    """Read the images named below `root`, without decoding any. `layout` None recognises it.

    What `use` needs must be there. `no_cameras`: camera ids are missing or mean nothing. `skip_bad`: names that do not
    parse and files that are missing are left out and counted instead of refused. Raises DataError.
    """
    if not root.is_dir():
        what = "is a file, not a folder" if root.exists() else "does not exist"
        raise DataError(
            Finding(
                "missing-folder", f"the data folder {what}", file=str(root), hint="check --data", key="DATASETS.ROOT"
            )
        )
    kind = layout or recognise(root)
    if kind not in _READERS:
        raise ValueError(f"layout {kind} is not read from a folder")
    found = _READERS[kind].read(root, _Tolerance(no_cameras=no_cameras, skip_bad=skip_bad))
    warnings = check(found, str(root), use=use, no_cameras=no_cameras)
    return found_dataset(root, found, kind, (*found.warnings, *warnings))


def found_dataset(
    root: Path, found: Found, layout: Layout, warnings: Sequence[str] = (), *, fingerprint: str = ""
) -> Dataset:
    """What a reader found below `root` as a data set; `fingerprint` where the files' own does not say everything."""
    return Dataset(
        layout=layout,
        train=tuple(found.train),
        query=tuple(found.query),
        gallery=tuple(found.gallery),
        fingerprint=fingerprint or file_fingerprint(root, found),
        source=FileSource(root),
        ignored={reason: count for reason, count in sorted(found.ignored.items()) if count > 0},
        warnings=tuple(warnings),
        extra=tuple(found.extra),
        nobody=found.nobody,
    )


def recognise(root: Path) -> Layout:
    """The layout of `root`: by folders and files that only one data set has, before one folder per identity."""
    own = own_layout(root)
    if own is not None:
        return own
    inner = [folder for folder in sorted(root.iterdir()) if folder.is_dir() and own_layout(folder)]
    if inner:
        raise DataError(
            Finding(
                "unknown-layout",
                f"the data set lies one folder further down: {inner[0]}",
                file=str(root),
                hint=f"use --data {inner[0]}, or choose among several with DATASETS.NAMES and DATASETS.TESTS",
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
            "file,pid,camid,split; one folder per identity; or as another public data set (docs/data.md)",
            key="DATASETS.ROOT",
        )
    )


def own_layout(root: Path) -> Layout | None:
    """The layout that `root` itself shows; None for one that only its images could tell (one folder per identity)."""
    return next((layout for layout, reader in _READERS.items() if reader.recognised and reader.fits(root)), None)


def file_fingerprint(root: Path, found: Found) -> str:
    """The sha256 over sorted (path, size, identity, camera, split); the same wherever the folder lies."""
    rows = [
        (record.path, (root / record.path).stat().st_size, record.pid, record.camid, split)
        for split, part in (
            ("train", found.train),
            ("query", found.query),
            ("gallery", found.gallery),
            ("extra", found.extra),
        )
        for record in part
    ]
    digest = hashlib.sha256()
    for row in sorted(rows):
        digest.update("\0".join(map(str, row)).encode() + b"\n")
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class _Tolerance:
    """What a reader may do without."""

    no_cameras: bool
    skip_bad: bool


@dataclass(frozen=True, slots=True)
class _Reader:
    """How a layout is known by its folder, whether that says it all, and how it is read."""

    fits: Callable[[Path], bool]
    read: Callable[[Path, _Tolerance], Found]
    recognised: bool = True


def _folders(shape: NamedFolders) -> _Reader:
    return _Reader(shape.fits, lambda root, bad: shape.read(root, skip_bad=bad.skip_bad))


def _vehicleid(vehicles: int, *, recognised: bool = False) -> _Reader:
    return _Reader(is_vehicleid, lambda root, bad: read_vehicleid(root, vehicles, skip_bad=bad.skip_bad), recognised)


def _veriwild(vehicles: int, *, recognised: bool = False) -> _Reader:
    return _Reader(is_veriwild, lambda root, bad: read_veriwild(root, vehicles, skip_bad=bad.skip_bad), recognised)


_READERS: dict[Layout, _Reader] = {
    Layout.MARKET1501: _folders(MARKET1501),
    Layout.MANIFEST: _Reader(
        is_manifest, lambda root, bad: read_manifest(root, no_cameras=bad.no_cameras, skip_bad=bad.skip_bad)
    ),
    Layout.VERI776: _folders(VERI776),
    Layout.MSMT17: _Reader(is_msmt17, lambda root, bad: read_msmt17(root, skip_bad=bad.skip_bad)),
    Layout.CUHK03: _Reader(is_cuhk03, lambda root, bad: read_cuhk03(root, "labeled", skip_bad=bad.skip_bad)),
    Layout.CUHK03_DETECTED: _Reader(
        is_cuhk03, lambda root, bad: read_cuhk03(root, "detected", skip_bad=bad.skip_bad), recognised=False
    ),
    Layout.VEHICLEID: _vehicleid(13164, recognised=True),
    Layout.VEHICLEID_SMALL: _vehicleid(800),
    Layout.VEHICLEID_MEDIUM: _vehicleid(1600),
    Layout.VEHICLEID_LARGE: _vehicleid(2400),
    Layout.VERIWILD: _veriwild(10000, recognised=True),
    Layout.VERIWILD_SMALL: _veriwild(3000),
    Layout.VERIWILD_MEDIUM: _veriwild(5000),
    Layout.VERIWILD_LARGE: _veriwild(10000),
    Layout.PARTIAL_REID: _folders(PARTIAL_REID),
    Layout.OCCLUDED_REID: _folders(OCCLUDED_REID),
    Layout.PARTIAL_ILIDS: _folders(PARTIAL_ILIDS),
    Layout.QUERY_GALLERY: _folders(QUERY_GALLERY),
    Layout.FOLDERS: _Reader(
        is_folders, lambda root, bad: read_folders(root, no_cameras=bad.no_cameras), recognised=False
    ),
}
"""Asked in this order; where one folder holds several data sets, the first is what is recognised."""
