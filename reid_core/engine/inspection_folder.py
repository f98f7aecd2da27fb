"""What an inspection leaves: a folder with numbers (`arrays.npz`) and words (`inspection.json`), whole or not there.

The words hold the SHA-256 of the numbers, a version, and the SHA-256 of the checkpoint that was inspected: a folder
that is torn, changed or of another version is as good as none, and is built again. Nothing in it is code (no pickles).
"""

from __future__ import annotations

import hashlib
import io
import json
import secrets
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from reid_core.engine.durable import write_atomically
from reid_core.evaluation.inspection import Lists

__all__ = ["ARRAYS", "VERSION", "WORDS", "Group", "Inspection", "Words", "read_inspection", "write_inspection"]

VERSION = 1
WORDS, ARRAYS = "inspection.json", "arrays.npz"
_MAP = "map_"
_LISTS = (
    "positions",
    "distances",
    "marks",
    "nearest_wrong",
    "nearest_wrong_distance",
    "farthest_right",
    "farthest_right_distance",
)

Numbers: TypeAlias = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Group:
    """Metrics, as fractions, over the `queries` of one camera or identity that have a match."""

    name: str
    queries: int
    mean_ap: float
    rank1: float


@dataclass(frozen=True, slots=True)
class Words:
    """What was inspected, and what of it is no array.

    `images` are the paths of query and gallery, each once; arrays count them from 0. `identities` are the names of
    the labels, `first_camera` was added to the numbers of cameras. `missing` says why there is no map of a method.
    """

    checkpoint: str
    epoch: int
    protocol: str
    task: str
    conditions: str
    top: int
    metrics: Mapping[str, float]
    counts: Mapping[str, int]
    identities: Sequence[str]
    images: Sequence[str]
    first_camera: int = 0
    size: Sequence[int] = (256, 128)
    groups: Mapping[str, Sequence[Group]] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Inspection:
    """A ranking looked into. Q queries, G gallery images, N images in all, P points of a map, C pairs of identities.

    label, camera: (N,) int64 of each image, cameras below 0 are not known; query_image (Q,) and gallery_image (G,)
    int32 say which image it is. valid (Q,) bool, ap, inp (Q,) float64 NaN where not valid, first_hit (Q,) int64.
    `lists` hold positions in the gallery. points: (P,) images of the maps, each (P, 2) in [0, 1]. confusion: (C, 3)
    label of the query, label found first, queries.
    """

    words: Words
    label: Numbers
    camera: Numbers
    query_image: Numbers
    gallery_image: Numbers
    valid: Numbers
    ap: Numbers
    inp: Numbers
    first_hit: Numbers
    lists: Lists
    confusion: Numbers
    points: Numbers
    maps: Mapping[str, Numbers] = field(default_factory=dict)


_PLAIN = (
    "label", "camera", "query_image", "gallery_image", "valid", "ap", "inp", "first_hit", "confusion", "points"
)  # fmt: skip


def write_inspection(folder: Path, made: Inspection) -> None:
    """Write `folder`, in place of what was there. At every moment it is whole, or it is not there. Raises OSError."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    for left_over in folder.parent.glob(f".{folder.name}.*"):
        shutil.rmtree(left_over, ignore_errors=True)
    beside = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.new")
    beside.mkdir()
    try:
        packed = io.BytesIO()
        np.savez_compressed(packed, **_arrays_of(made))  # type: ignore[arg-type]  # its stub takes any name for a flag
        write_atomically(beside / ARRAYS, packed.getvalue())
        words = {"version": VERSION, "arrays": hashlib.sha256(packed.getvalue()).hexdigest(), **asdict(made.words)}
        write_atomically(beside / WORDS, json.dumps(words, ensure_ascii=False, allow_nan=False).encode())
        old = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.old")
        if folder.exists():
            folder.rename(old)
        beside.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def read_inspection(folder: Path) -> Inspection | None:
    """What lies there; None where nothing does, or what is torn, changed or of another version."""
    try:
        words = json.loads((folder / WORDS).read_bytes())
        packed = (folder / ARRAYS).read_bytes()
        if words.pop("version") != VERSION or words.pop("arrays") != hashlib.sha256(packed).hexdigest():
            return None
        with np.load(io.BytesIO(packed), allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in arrays.files}
        groups = {kind: tuple(Group(**one) for one in some) for kind, some in words.pop("groups").items()}
        return _inspection(Words(**words, groups=groups), found)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile):
        return None


def _arrays_of(made: Inspection) -> dict[str, Numbers]:
    arrays = {name: getattr(made, name) for name in _PLAIN}
    arrays |= {name: getattr(made.lists, name) for name in _LISTS}
    return arrays | {_MAP + name: places for name, places in made.maps.items()}


def _inspection(words: Words, arrays: Mapping[str, Numbers]) -> Inspection:
    return Inspection(
        words=words,
        lists=Lists(words.top, **{name: arrays[name] for name in _LISTS}),
        maps={name.removeprefix(_MAP): arrays[name] for name in arrays if name.startswith(_MAP)},
        **{name: arrays[name] for name in _PLAIN},
    )
