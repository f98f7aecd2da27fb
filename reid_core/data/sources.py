"""Where pixels come from: image files below a root. The synthetic set is another source with the same face."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

__all__ = [
    "CorruptImage",
    "EncodedImage",
    "FileSource",
    "ImageSource",
    "Interpolation",
    "Pixels",
    "Size",
    "fit",
    "read_image",
    "reason_of",
]

Pixels: TypeAlias = npt.NDArray[np.uint8]
"""RGB grey levels: one image (H, W, 3) or a batch (B, H, W, 3)."""
Size: TypeAlias = tuple[int, int]
"""Height and width, as FastReID's INPUT.SIZE_TRAIN writes them."""


class Interpolation(StrEnum):
    """How an image is brought to the input size."""

    BILINEAR = "bilinear"
    BICUBIC = "bicubic"


_RESAMPLING = {
    Interpolation.BILINEAR: Image.Resampling.BILINEAR,
    Interpolation.BICUBIC: Image.Resampling.BICUBIC,
}
# What Pillow raises for a file that is torn, foreign or a decompression bomb.
_UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError)


class CorruptImage(Exception):
    """An image does not decode; `reason` is what the decoder says."""

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(path, reason)


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """An image that lies in no file: its bytes, and what it is called."""

    name: str
    data: bytes

    def decode(self, size: Size, interpolation: Interpolation) -> Pixels:
        """RGB (H, W, 3) at `size`. Raises CorruptImage."""
        stream = io.BytesIO(self.data)
        try:
            return fit(read_image(stream), size, interpolation)
        except _UNREADABLE as error:
            raise CorruptImage(self.name, reason_of(error, stream, self.name)) from error


class ImageSource(Protocol):
    """Decodes the images of one data set by their paths; safe to call from several threads."""

    def decode(self, path: str, size: Size, interpolation: Interpolation) -> Pixels:
        """RGB (H, W, 3) at `size`. Raises CorruptImage."""
        ...

    def stamp(self, paths: Sequence[str]) -> str:
        """A text that changes when the content behind `paths` changes on this machine: part of a cache's key."""
        ...


class FileSource:
    """Image files below `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def decode(self, path: str, size: Size, interpolation: Interpolation) -> Pixels:
        """RGB (H, W, 3) at `size`. Raises CorruptImage, also for a file that is gone."""
        try:
            return fit(read_image(self.root / path), size, interpolation)
        except _UNREADABLE as error:
            raise CorruptImage(path, str(error) or type(error).__name__) from error

    def stamp(self, paths: Sequence[str]) -> str:
        """From path, size and modification time of every file."""
        digest = hashlib.sha256(str(self.root.resolve()).encode())
        for path in paths:
            try:
                status = (self.root / path).stat()
            except FileNotFoundError:
                digest.update(f"{path}\0gone\n".encode())  # decoding will name it
            else:
                digest.update(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
        return digest.hexdigest()


def read_image(source: Path | IO[bytes]) -> Image.Image:
    """The image in RGB, upright as its EXIF orientation says."""
    with Image.open(source) as image:
        return ImageOps.exif_transpose(image).convert("RGB")


def reason_of(error: Exception, stream: IO[bytes], name: str) -> str:
    """What the decoder says of a stream, which it calls by its address, with the image's name instead."""
    return str(error).replace(repr(stream), repr(name)) or type(error).__name__


def fit(image: Image.Image, size: Size, interpolation: Interpolation) -> Pixels:
    """Resize without keeping the aspect ratio, as ReID codes do, with Pillow's filters (they smooth when shrinking)."""
    height, width = size
    if image.size != (width, height):
        image = image.resize((width, height), _RESAMPLING[interpolation])
    return np.asarray(image, dtype=np.uint8)
