"""The values everything here is about: an image, a data set, and labels for identities."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from reid_core.data.sources import ImageSource

__all__ = ["JUNK", "NO_CAMERA", "Dataset", "ImageRecord", "Indices", "Labels", "Layout", "identities_of", "labels_of"]

Indices = npt.NDArray[np.int64]
"""Positions in a sequence of records."""
Labels = npt.NDArray[np.int64]
"""Identities or cameras as numbers, one per record."""

NO_CAMERA = -1
"""The camera of an image whose camera nobody knows."""
JUNK = "-1"
"""The identity that Market-1501 gives to detections that are nobody: never trained on, never ranked."""


class Layout(StrEnum):
    """How a folder says which image shows whom; sizes are those of the test lists. JOINED is several data sets."""

    MARKET1501 = "market1501"
    VERI776 = "veri776"
    MSMT17 = "msmt17"
    CUHK03 = "cuhk03"
    CUHK03_DETECTED = "cuhk03_detected"
    VEHICLEID = "vehicleid"
    VEHICLEID_SMALL = "vehicleid_small"
    VEHICLEID_MEDIUM = "vehicleid_medium"
    VEHICLEID_LARGE = "vehicleid_large"
    VERIWILD = "veriwild"
    VERIWILD_SMALL = "veriwild_small"
    VERIWILD_MEDIUM = "veriwild_medium"
    VERIWILD_LARGE = "veriwild_large"
    PARTIAL_REID = "partial_reid"
    OCCLUDED_REID = "occluded_reid"
    PARTIAL_ILIDS = "partial_ilids"
    QUERY_GALLERY = "query_gallery"
    MANIFEST = "manifest"
    FOLDERS = "folders"
    SYNTHETIC = "synthetic"
    JOINED = "joined"


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One image: its path below the data set's root (forward slashes), who it shows, which camera took it."""

    path: str
    pid: str
    camid: int


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set as found, in sorted order. Query and gallery may name the same image.

    `extra` is trained on only when everything is combined, as identities `nobody` are not even then. `ignored` counts
    the files left out, by reason; `fingerprint` changes when an image is added, removed, resized, renamed or gets
    another identity, camera or split. `source` decodes an image of it. `members` are the data sets it was joined of;
    `first_camera` was added to the numbers of the cameras to keep them apart from another set's.
    """

    layout: Layout
    train: tuple[ImageRecord, ...]
    query: tuple[ImageRecord, ...]
    gallery: tuple[ImageRecord, ...]
    fingerprint: str
    source: ImageSource
    ignored: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    extra: tuple[ImageRecord, ...] = ()
    nobody: frozenset[str] = frozenset()
    members: tuple[str, ...] = ()
    first_camera: int = 0

    @property
    def cameras(self) -> int:
        """How many cameras took the images; 0 when no image says."""
        found = {record.camid for part in (self.train, self.query, self.gallery) for record in part}
        return len(found - {NO_CAMERA})


_DIGITS = re.compile(r"\d+")


def identities_of(records: Iterable[ImageRecord]) -> tuple[str, ...]:
    """The distinct identities: numbers first and by value, then the others by code point."""
    return tuple(sorted({record.pid for record in records}, key=_identity_order))


def labels_of(records: Sequence[ImageRecord], identities: Sequence[str]) -> Labels:
    """Labels (N,): the position of each record's identity in `identities`."""
    position = {pid: index for index, pid in enumerate(identities)}
    return np.fromiter((position[record.pid] for record in records), np.int64, len(records))


def _identity_order(pid: str) -> tuple[bool, int, str]:
    number = pid.isascii() and _DIGITS.fullmatch(pid) is not None
    return (not number, int(pid) if number else 0, pid)
