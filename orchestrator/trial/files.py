"""Checkpoint files of a trial's folder."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
from collections.abc import Collection
from pathlib import Path
from typing import Protocol

__all__ = ["Readable", "copy_whole", "digest_of", "disk_fails", "disk_is_full", "keep_only"]

_PIECE = 1 << 22


class Readable(Protocol):
    """Whatever gives bytes piece by piece."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""


def keep_only(checkpoint: Path, also: Collection[Path] = ()) -> None:
    """Delete the checkpoints beside `checkpoint` (files of its kind, and what stands beside them as NAME.sha256).

    Those in `also` stay.

    Does nothing where the file is not to be seen from here, on another node say.
    """
    if not checkpoint.is_file():
        return
    for other in sorted(checkpoint.parent.glob(f"*{checkpoint.suffix}")):
        if other != checkpoint and other not in also:
            other.unlink(missing_ok=True)
            other.with_name(f"{other.name}.sha256").unlink(missing_ok=True)


def digest_of(stream: Readable) -> str:
    """Hexadecimal SHA-256 of what is left in a stream."""
    found = hashlib.sha256()
    while piece := stream.read(_PIECE):
        found.update(piece)
    return found.hexdigest()


def copy_whole(source: Readable, target: Path, sha256: str) -> bool:
    """Write a stream to `target` if its hash is, or begins as, this; else leave what was there and return False.

    It is flushed to the disk and renamed, so that `target` is there wholly or not at all. Raises OSError.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    found = hashlib.sha256()
    try:
        with beside.open("wb") as file:
            while piece := source.read(_PIECE):
                found.update(piece)
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        if not found.hexdigest().startswith(sha256):
            return False
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
    return True


def disk_is_full(error: BaseException | None) -> bool:
    """Whether this error, or one that it came from, says that a disk or a quota is full."""
    return _comes_from(error, {errno.ENOSPC, errno.EDQUOT})


def disk_fails(error: BaseException | None) -> bool:
    """Whether this error, or one that it came from, says that a disk is broken or cannot be written any more."""
    return _comes_from(error, {errno.EIO, errno.EROFS})


def _comes_from(error: BaseException | None, numbers: Collection[int]) -> bool:
    while error is not None:
        if isinstance(error, OSError) and error.errno in numbers:
            return True
        error = error.__cause__ or error.__context__
    return False
