"""What the index knows of each vector, in columns that are mapped into memory: a million items cost a few pages."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from reid_core.data.records import NO_CAMERA

__all__ = ["Item", "ItemColumns", "TextColumn", "places", "write_array", "write_items"]

_TEXTS = ("file", "pid", "fields")


@dataclass(frozen=True, slots=True)
class Item:
    """One image: its file, who it shows ("" unknown), which camera took it (-1 unknown), and free fields."""

    file: str = ""
    pid: str = ""
    camid: int = NO_CAMERA
    fields: Mapping[str, str | int | float | bool | None] = field(default_factory=dict)


def places(files: Iterable[str]) -> Iterator[str]:
    """Where each file lies, one spelling for all of a file's: its folder, links resolved, and its name; "" stays "".

    Relative ones are taken from the working folder. A file that is a link has a place of its own.
    """
    folders: dict[str, str] = {}
    for file in files:
        folder, name = os.path.split(file)
        if folder not in folders:
            folders[folder] = os.path.realpath(folder).rstrip(os.sep)
        yield f"{folders[folder]}{os.sep}{name}" if file else ""


class TextColumn:
    """Texts (N,) as one block of UTF-8 and N + 1 offsets; each is decoded when it is asked for."""

    def __init__(self, folder: Path, name: str) -> None:
        self._bytes = np.load(folder / f"{name}.bytes.npy", mmap_mode="r")
        self._ends = np.load(folder / f"{name}.ends.npy", mmap_mode="r")

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, row: int) -> str:
        text: bytes = self._bytes[self._ends[row] : self._ends[row + 1]].tobytes()
        return text.decode()

    def __iter__(self) -> Iterator[str]:
        whole, ends = self._bytes.tobytes(), self._ends.tolist()
        return (whole[start:end].decode() for start, end in pairwise(ends))


class ItemColumns:
    """The items of one segment, as `write_items` wrote them."""

    def __init__(self, folder: Path) -> None:
        self.files, self.pids, self._fields = (TextColumn(folder, name) for name in _TEXTS)
        self.camids: npt.NDArray[np.int64] = np.load(folder / "camid.npy", mmap_mode="r")

    def __len__(self) -> int:
        return len(self.camids)

    def __getitem__(self, row: int) -> Item:
        text = self._fields[row]
        return Item(self.files[row], self.pids[row], int(self.camids[row]), json.loads(text) if text else {})


def write_items(folder: Path, items: Sequence[Item]) -> None:
    """Write the columns of `items` into `folder`. Raises OSError."""
    _write_texts(folder, "file", [item.file for item in items])
    _write_texts(folder, "pid", [item.pid for item in items])
    fields = [json.dumps(dict(item.fields), sort_keys=True) if item.fields else "" for item in items]
    _write_texts(folder, "fields", fields)
    write_array(folder / "camid.npy", np.array([item.camid for item in items], np.int64))


def write_array(path: Path, values: npt.NDArray[np.generic]) -> None:
    """Save an array and see it to the disk. Raises OSError."""
    with path.open("wb") as file:
        np.save(file, values)
        file.flush()
        os.fsync(file.fileno())


def _write_texts(folder: Path, name: str, texts: Sequence[str]) -> None:
    encoded = [text.encode() for text in texts]
    ends = np.zeros(len(encoded) + 1, np.int64)
    np.cumsum([len(text) for text in encoded], out=ends[1:])
    write_array(folder / f"{name}.bytes.npy", np.frombuffer(b"".join(encoded), np.uint8))
    write_array(folder / f"{name}.ends.npy", ends)
