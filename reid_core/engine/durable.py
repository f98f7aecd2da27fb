"""Files that are there wholly or not at all, whatever happens while they are written."""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path

__all__ = ["remove", "sha256_of", "write_atomically"]


def write_atomically(path: Path, data: bytes | memoryview) -> None:
    """Write `data` beside `path`, flush it to the disk, then rename it and flush the folder. Raises OSError.

    At every moment `path` holds its old content or the new one, also after a power cut; a failure leaves no
    temporary file behind. What a kill leaves (`.<name>.*.tmp`) is removed by the next write of the same name.
    """
    for left_over in path.parent.glob(f".{path.name}.*.tmp"):
        left_over.unlink(missing_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - the descriptor comes from mkstemp
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)  # noqa: PTH105 - the call whose failure the tests inject
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(name)  # noqa: PTH108 - `name` is what mkstemp gave
        raise
    _flush_folder(path.parent)


def remove(path: Path) -> None:
    """Delete `path` for good, if it is there."""
    if path.exists():
        path.unlink()
        _flush_folder(path.parent)


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
