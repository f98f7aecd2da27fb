"""Embeddings of many pictures in a file, in parts that outlive an interruption."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.service.model_out.pictures import Picture, Pictures
from orchestrator.service.model_out.table import SUFFIXES, write_table
from reid_core.data.sources import CorruptImage, Pixels
from reid_core.errors import DataError, Finding, NotFound, UsageError

if TYPE_CHECKING:
    from reid_core.embedder import Embedder, Rows

__all__ = ["Bad", "Embedded", "embed_pictures", "parts_of"]

_PART = 512
"""Pictures that an interruption costs at most."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Bad:
    """A picture that does not decode, and why."""

    file: str
    reason: str


@dataclass(frozen=True, slots=True)
class Embedded:
    """What was written: `images` rows of `dim` numbers; `resumed` of them were there from an interrupted run."""

    out: Path
    images: int
    dim: int
    model: str
    resumed: int = 0
    images_per_second: float = 0.0
    bad: Sequence[Bad] = field(default_factory=tuple)


def parts_of(out: Path) -> Path:
    """The folder of what is done of `out` while it is not whole."""
    return out.with_name(f".{out.name}.parts")


def embed_pictures(
    embedder: Embedder,
    pictures: Pictures,
    out: Path,
    *,
    skip_bad: bool = False,
    progress: Progress | None = None,
) -> Embedded:
    """Embed all and write `out` (.parquet or .npy), whole or not at all; go on where the same call was interrupted.

    Raises UsageError for another kind of file, DataError naming a picture that does not decode, unless `skip_bad`.
    """
    if out.suffix not in SUFFIXES:
        raise UsageError(f"{out} is no {' or '.join(SUFFIXES)} file", hint="name the file so: --out features.parquet")
    if not out.parent.is_dir():
        raise NotFound(f"there is no folder {out.parent}", hint="make it, or name another file with --out")
    folder, began, done, resumed = parts_of(out), time.perf_counter(), 0, 0
    _begin(folder, embedder)
    found: list[_Part] = []
    with ThreadPoolExecutor(embedder.threads, thread_name_prefix="reid-decode") as pool:
        for number, chosen in enumerate(_in_parts(pictures)):
            part = _Part(folder / f"{number:06d}")
            if part.holds(chosen):
                resumed += len(chosen)
            else:
                part.write(chosen, *_embedded(embedder, chosen, pool, skip_bad=skip_bad))
            found.append(part)
            done += len(chosen)
            if progress is not None:
                progress(done, pictures.total)
    bad = [one for part in found for one in part.bad]
    images = write_table(out, (part.content() for part in found), embedder)
    shutil.rmtree(folder)
    seconds = max(time.perf_counter() - began, 1e-9)
    return Embedded(out, images, embedder.dim, embedder.name, resumed, (done - resumed) / seconds, bad)


def _begin(folder: Path, embedder: Embedder) -> None:
    """An empty folder of parts, or that of an interrupted run with the same model."""
    model = folder / "model"
    if folder.exists() and not (model.is_file() and model.read_text("utf-8") == embedder.name):
        shutil.rmtree(folder)
    folder.mkdir(exist_ok=True)
    model.write_text(embedder.name, "utf-8")


def _in_parts(pictures: Iterable[Picture]) -> Iterator[list[Picture]]:
    following = iter(pictures)
    while chosen := list(islice(following, _PART)):
        yield chosen


def _embedded(
    embedder: Embedder, chosen: Sequence[Picture], pool: ThreadPoolExecutor, *, skip_bad: bool
) -> tuple[Rows, list[Bad]]:
    """The rows of the good ones, in order, and the bad ones."""

    def read(picture: Picture) -> Pixels | Bad:
        if picture.pixels is not None:
            return embedder.resized(picture.pixels)
        try:
            return embedder.read(picture.encoded or Path(picture.file))
        except CorruptImage as error:
            return Bad(picture.file, error.reason)

    pixels: list[Pixels] = []
    bad: list[Bad] = []
    for one in pool.map(read, chosen):
        if isinstance(one, Bad):
            bad.append(one)
        else:
            pixels.append(one)
    if bad and not skip_bad:
        hint = "leave such images out with --skip-bad-images; what is done is kept"
        raise DataError(
            [Finding("corrupt-image", f"does not decode: {one.reason}", file=one.file, hint=hint) for one in bad]
        )
    stacked = np.stack(pixels) if pixels else np.empty((0, *embedder.size, 3), np.uint8)
    return embedder.embed(stacked), bad


def _marks(chosen: Sequence[Picture]) -> list[list[str | int]]:
    """What a part is recognised by: a picture that was replaced, or that a manifest tells of anew, is another one."""
    return [[one.file, one.stamp, one.pid, one.camid] for one in chosen]


class _Part:
    """A part on the disk: rows and, written last, what they are of."""

    def __init__(self, stem: Path) -> None:
        self._rows, self._about = stem.with_suffix(".npy"), stem.with_suffix(".json")

    def holds(self, chosen: Sequence[Picture]) -> bool:
        """Whether it is there and of these pictures, as they are now."""
        if not self._about.is_file():
            return False
        about = json.loads(self._about.read_text("utf-8"))
        return bool(about["all"] == _marks(chosen))

    def write(self, chosen: Sequence[Picture], rows: Rows, bad: Sequence[Bad]) -> None:
        """Take the rows of those of `chosen` that are not `bad`."""
        left_out = {one.file for one in bad}
        good = [(one.file, one.pid, one.camid) for one in chosen if one.file not in left_out]
        about = {
            "all": _marks(chosen),
            "good": good,
            "bad": [(one.file, one.reason) for one in bad],
        }
        self._about.unlink(missing_ok=True)
        np.save(self._rows, rows)
        temporary = self._about.with_suffix(".tmp")
        temporary.write_text(json.dumps(about), "utf-8")
        temporary.replace(self._about)

    @property
    def bad(self) -> list[Bad]:
        """Those that do not decode."""
        return [Bad(*one) for one in json.loads(self._about.read_text("utf-8"))["bad"]]

    def content(self) -> tuple[list[tuple[str, str, int]], Rows]:
        """File, identity and camera of each row, and the rows."""
        good = json.loads(self._about.read_text("utf-8"))["good"]
        return [(file, pid, camid) for file, pid, camid in good], np.load(self._rows)
