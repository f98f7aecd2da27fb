"""Standard input as a source of images: a list of paths, or one image."""

from __future__ import annotations

import sys

from reid_core.data.sources import EncodedImage
from reid_core.errors import UsageError

__all__ = ["STDIN", "lines_of", "standard_input"]

STDIN = "-"
"""What a source is called that stands on standard input, and the image that comes from there."""

_MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a")
_HEADER = 26
"""Bytes of the shortest header of a BMP; some of them are zero, as in no list."""


def standard_input() -> list[str] | EncodedImage:
    """The paths of a list, or the image that is there instead. Raises UsageError for what is neither."""
    data = sys.stdin.buffer.read()
    if _is_image(data):
        return EncodedImage(STDIN, data)
    lines = lines_of(data)
    if lines is None:
        hint = "a list has one path a line, in UTF-8; an image is a JPEG, PNG, WebP, BMP or GIF"
        raise UsageError(f"{STDIN} takes a list of paths or one image", hint=hint)
    return lines


def lines_of(data: bytes) -> list[str] | None:
    """The paths in a list, one a line; None for what is no text."""
    if b"\0" in data:
        return None
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    return [line.strip() for line in text.splitlines() if line.strip()]


def _is_image(data: bytes) -> bool:
    """Whether it begins as a JPEG, PNG, GIF, WebP or BMP does."""
    if data.startswith(b"BM"):  # a name may begin so too
        return b"\0" in data[:_HEADER]
    return data.startswith(_MAGIC) or (data.startswith(b"RIFF") and data[8:12] == b"WEBP")
