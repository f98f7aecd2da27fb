"""Decoded and resized images as one uint8 array in a file, mapped into memory by every trial of a node.

Built once under a file lock: written to a temporary file, flushed to disk, renamed. Whoever comes second waits for the
lock and maps the same file; whoever dies leaves a temporary file that the next builder overwrites. Before one is built,
those unused longest make room (kept_images.py).
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from reid_core.data.images import ImageArray
from reid_core.data.kept_images import about, make_room, mapped, notes
from reid_core.data.records import Indices
from reid_core.data.sources import CorruptImage, FileSource, ImageSource, Interpolation, Pixels, Size
from reid_core.data.waiting import locked
from reid_core.errors import DataError, Finding, ReidTuneError
from reid_core.signs import alive

__all__ = ["CachedImages", "ImageCache", "cache_folder"]

_VERSION = 1  # of decoding and file format; a new one leaves old files unused
_CHUNK = 256  # images decoded before they are written: bounds memory
_SHOWN = 10
Progress = Callable[[int, int], None]
"""Called with images done and images in all."""


def cache_folder(configured: str = "") -> Path:
    """Where caches lie: the folder given, else `cache` below REID_TUNE_HOME, else below ~/.reid-tune."""
    if configured:
        return Path(configured).expanduser()
    home = os.environ.get("REID_TUNE_HOME")
    return (Path(home).expanduser() if home else Path.home() / ".reid-tune") / "cache"


@dataclass(frozen=True, slots=True)
class CachedImages:
    """All images asked for, and which of them do not decode (their pixels are zero)."""

    images: ImageArray
    corrupt: Indices


class ImageCache:
    """The caches below one folder. `threads` decode while one is built; `progress` hears of it."""

    def __init__(
        self,
        folder: Path,
        *,
        threads: int = 1,
        progress: Progress | None = None,
        interpolation: Interpolation = Interpolation.BILINEAR,
    ) -> None:
        self._folder = folder / "images"
        self._threads = threads
        self._progress = progress
        self._interpolation = interpolation

    def open(
        self,
        source: ImageSource,
        fingerprint: str,
        paths: Sequence[str],
        size: Size,
        *,
        skip_corrupt: bool = False,
    ) -> CachedImages:
        """The images `paths` at `size`, built where they are not there yet; pixels are a read-only memory map.

        Raises DataError naming the images that do not decode, unless `skip_corrupt`; ReidTuneError when the folder
        cannot be written.
        """
        file = self._folder / f"{_key(source, fingerprint, paths, size, self._interpolation)}.npy"
        try:
            pixels = mapped(file, (len(paths), *size, 3))
            if pixels is None:
                pixels = self._build_once(file, source, fingerprint, paths, size)
            corrupt: dict[str, str] = json.loads(notes(file).read_text("utf-8"))
        except OSError as error:
            raise ReidTuneError(
                f"cannot keep decoded images in {self._folder}: {error}",
                hint="free some space there, or name another folder with DATALOADER.CACHE_DIR or REID_TUNE_HOME",
            ) from error
        if corrupt and not skip_corrupt:
            raise DataError(_findings(corrupt))
        bad = np.array([index for index, path in enumerate(paths) if path in corrupt], dtype=np.int64)
        return CachedImages(ImageArray(pixels, np.arange(len(paths))), bad)

    def _build_once(
        self, file: Path, source: ImageSource, fingerprint: str, paths: Sequence[str], size: Size
    ) -> Pixels:
        self._folder.mkdir(parents=True, exist_ok=True)
        shape = (len(paths), *size, 3)
        with locked(file.with_suffix(".lock")):
            pixels = mapped(file, shape)  # somebody may have built it while this process waited
            if pixels is None:
                make_room(self._folder.parent, math.prod(shape))
                self._describe(file, source, fingerprint)
                self._build(file, source, paths, size)
                pixels = mapped(file, shape)
        if pixels is None:
            raise ReidTuneError(f"{file} was written and cannot be read back", hint="check the disk")
        return pixels

    def _describe(self, file: Path, source: ImageSource, fingerprint: str) -> None:
        """For `reid-tune cache ls`: what the array's name, a hash, does not tell."""
        place = str(source.root) if isinstance(source, FileSource) else ""
        told = {"interpolation": self._interpolation, "fingerprint": fingerprint, "place": place}
        about(file).write_text(json.dumps(told), "utf-8")

    def _build(self, file: Path, source: ImageSource, paths: Sequence[str], size: Size) -> None:
        """Write the notes first: the array's name is what says that the build is whole."""
        corrupt: dict[str, str] = {}

        def decode(path: str) -> Pixels:
            try:
                return source.decode(path, size, self._interpolation)
            except CorruptImage as error:
                corrupt[path] = error.reason
                return np.zeros((*size, 3), dtype=np.uint8)

        temporary = file.with_suffix(".tmp")
        with temporary.open("wb") as stream:
            shape = (len(paths), *size, 3)
            np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": shape})
            for done, images in self._decoded(paths, decode):
                stream.write(images.tobytes())
                alive()
                if self._progress is not None:
                    self._progress(done, len(paths))
            _to_disk(stream)
        beside = temporary.with_suffix(".notes")
        with beside.open("wb") as stream:
            stream.write(json.dumps(corrupt, sort_keys=True).encode())
            _to_disk(stream)
        beside.replace(notes(file))
        temporary.replace(file)

    def _decoded(self, paths: Sequence[str], decode: Callable[[str], Pixels]) -> Iterator[tuple[int, Pixels]]:
        with ThreadPoolExecutor(max_workers=self._threads, thread_name_prefix="reid-decode") as pool:
            for start in range(0, len(paths), _CHUNK):
                part = paths[start : start + _CHUNK]
                yield start + len(part), np.stack(list(pool.map(decode, part)))


def _key(source: ImageSource, fingerprint: str, paths: Sequence[str], size: Size, interpolation: Interpolation) -> str:
    """What the array depends on; the stamp tells a changed image that kept its size."""
    parts = [str(_VERSION), fingerprint, source.stamp(paths), *map(str, size), interpolation, *paths]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _to_disk(stream: BinaryIO) -> None:
    stream.flush()
    os.fsync(stream.fileno())


def _findings(corrupt: dict[str, str]) -> list[Finding]:
    findings = [
        Finding(
            "corrupt-image",
            f"the image does not decode: {reason}",
            file=path,
            hint="replace or remove it, or leave such images out with DATASETS.CORRUPT skip",
            key="DATASETS.CORRUPT",
        )
        for path, reason in sorted(corrupt.items())[:_SHOWN]
    ]
    if len(corrupt) > _SHOWN:
        findings.append(Finding("corrupt-image", f"{len(corrupt) - _SHOWN} more images do not decode"))
    return findings
