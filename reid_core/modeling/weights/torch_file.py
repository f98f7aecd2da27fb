"""Reads what `torch.save` wrote as plain tensors and numbers: no code of a file runs, and it fits its own size."""

from __future__ import annotations

import pickle
import struct
import zipfile
from pathlib import Path

import torch

from reid_core.errors import CheckpointError

__all__ = ["UNREADABLE", "load_plain"]

UNREADABLE = (
    *(pickle.UnpicklingError, zipfile.BadZipFile, struct.error, EOFError, OSError, RuntimeError, NotImplementedError),
    *(ValueError, TypeError, LookupError, AttributeError, AssertionError, OverflowError, MemoryError),
)
"""What torch's unpickler raises on bytes that are no pickle: it takes them for instructions and checks few of them."""


def load_plain(path: Path) -> object:
    """The content of `path`. Raises CheckpointError for a packed file, one of UNREADABLE for any other that is none."""
    if zipfile.is_zipfile(path):
        _refuse_packed(path)
    content: object = torch.load(path, map_location="cpu", weights_only=True)
    return content


def _refuse_packed(path: Path) -> None:
    """torch.save stores and does not compress: a few kilobytes that unpack to gigabytes come from somebody else."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    packed = any(member.compress_type != zipfile.ZIP_STORED for member in members)
    if packed or sum(member.file_size for member in members) > path.stat().st_size:
        raise CheckpointError(f"{path} is a compressed archive, not a file that torch saved")
