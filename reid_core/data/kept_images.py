"""The files of the image cache as a whole: how large they are, who uses them, and which go when there is no room.

A process that has a file mapped holds a shared lock on it, which ends with the map or with the process, however it
ends. Whoever removes files takes an exclusive one first, so what somebody uses stays. The notes beside an array are
touched whenever it is opened: their time is that of the last use.
"""

from __future__ import annotations

import json
import os
import time
import weakref
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import disk_usage

import numpy as np

from reid_core.data.sources import Pixels
from reid_core.errors import Finding, InvalidInput

try:
    import fcntl
except ImportError:  # not a POSIX system: it does not remove a file that is mapped
    fcntl = None  # type: ignore[assignment]

__all__ = ["LIMIT_VARIABLE", "KeptImages", "about", "kept_images", "limit_of", "make_room", "mapped", "notes", "remove"]

LIMIT_VARIABLE = "REID_TUNE_CACHE_GIB"
"""Environment: how many GiB decoded images may take in all; before it, the file `limit` of the cache's folder."""
_LIMIT_GIB = 64.0
_SPARE = 2 << 30
"""Bytes of the disk that caches leave to others."""
GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class KeptImages:
    """One array of images: `seconds_unused` since somebody opened it last, `used` while somebody has it mapped."""

    file: Path
    bytes: int
    images: int
    height: int
    width: int
    interpolation: str
    fingerprint: str
    place: str
    seconds_unused: float
    used: bool


def notes(file: Path) -> Path:
    """Which images of an array do not decode; without it the array is not whole."""
    return file.with_suffix(".json")


def about(file: Path) -> Path:
    """What an array holds, for people."""
    return file.with_suffix(".about")


def mapped(file: Path, shape: tuple[int, ...]) -> Pixels | None:
    """The array, read-only and in use from here on, or None where it is not there (with its notes) or another."""
    try:
        descriptor = os.open(file, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        pixels = _held(descriptor, file, shape)
    except BaseException:
        os.close(descriptor)
        raise
    if pixels is None:
        os.close(descriptor)
    else:
        weakref.finalize(pixels.base, os.close, descriptor)  # views keep the map, not the array that made it
    return pixels


def _held(descriptor: int, file: Path, shape: tuple[int, ...]) -> Pixels | None:
    if fcntl is not None:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    if not os.fstat(descriptor).st_nlink or not notes(file).exists():  # removed before the lock was there
        return None
    try:
        pixels: Pixels = np.load(file, mmap_mode="r")
    except ValueError:  # torn by a disk: build it again
        return None
    if pixels.shape != shape or pixels.dtype != np.uint8:
        return None
    with suppress(OSError):  # a folder that this process may only read tells no last use
        os.utime(notes(file))
    return pixels


def limit_of(folder: Path) -> int:
    """How many bytes the arrays in `folder`/images may take. Raises InvalidInput for what is no number above 0."""
    place = folder / "limit"
    text, where = os.environ.get(LIMIT_VARIABLE, ""), LIMIT_VARIABLE
    if not text and place.exists():
        text, where = place.read_text("utf-8").strip(), str(place)
    try:
        size = float(text or _LIMIT_GIB)
    except ValueError:
        size = 0.0
    if not 0 < size < float("inf"):
        raise InvalidInput(
            Finding("cache-limit", f"{text!r} is no size of a cache", file=where, hint="a number of GiB above 0, as 64")
        )
    return int(size * GIB)


def kept_images(folder: Path) -> list[KeptImages]:
    """The arrays in `folder`/images, those unused longest first."""
    found = (_described(file) for file in sorted((folder / "images").glob("*.npy")))
    return sorted((one for one in found if one is not None), key=lambda one: (-one.seconds_unused, one.file.name))


def make_room(folder: Path, wanted: int) -> list[KeptImages]:
    """Remove what was unused longest until `wanted` bytes fit below the limit and on the disk; return what went.

    What somebody uses stays, so that the limit may be exceeded; an array larger than it is built all the same.
    """
    there = kept_images(folder)
    total = sum(one.bytes for one in there)
    allowed = min(limit_of(folder), total + disk_usage(folder).free - _SPARE)
    gone = []
    for one in there:
        if total + wanted <= allowed:
            break
        if remove(one.file):
            total -= one.bytes
            gone.append(one)
    return gone


def remove(file: Path) -> bool:
    """Delete an array unless somebody uses it. The notes go first: without them nobody opens what is left."""
    try:
        descriptor = os.open(file, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        if not _alone(descriptor):
            return False
        for part in (notes(file), about(file), file):
            part.unlink(missing_ok=True)
        return True
    finally:
        os.close(descriptor)


def _described(file: Path) -> KeptImages | None:
    try:
        descriptor = os.open(file, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        used = not _alone(descriptor)
        with os.fdopen(os.dup(descriptor), "rb") as stream:
            np.lib.format.read_magic(stream)
            (count, height, width, _), _, _ = np.lib.format.read_array_header_1_0(stream)
        told = json.loads(about(file).read_text("utf-8")) if about(file).exists() else {}
        names = ("interpolation", "fingerprint", "place")
        words = {name: str(told.get(name, "")) for name in names}
        last = (notes(file) if notes(file).exists() else file).stat().st_mtime
        size = os.fstat(descriptor).st_size
    except (OSError, ValueError, AttributeError):  # torn, another's, or removed meanwhile
        return None
    finally:
        os.close(descriptor)
    return KeptImages(file, size, count, height, width, seconds_unused=max(0.0, time.time() - last), used=used, **words)


def _alone(descriptor: int) -> bool:
    """Whether nobody has the file mapped. From here to its closing nobody can."""
    try:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
