"""LFW's list of pairs: `folds n`, then for each fold n lines `name i j` and n lines `name1 i name2 j`, tabs between."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import numpy as np

from reid_core.data.files import scan
from reid_core.data.numbers import whole_number
from reid_core.data.records import NO_CAMERA, ImageRecord
from reid_core.errors import DataError, Finding
from reid_core.tasks.face.pairs import Pairs

__all__ = ["first_name", "read_lfw_pairs"]

_SHOWN = 20
_ONE, _TWO = 3, 4  # columns of a pair of one person, and of two


def first_name(file: Path) -> str:
    """The person of the first pair, to find the images by; empty where the list has none."""
    lines = _lines(file)
    return lines[1][1][0] if len(lines) > 1 else ""


def read_lfw_pairs(file: Path, images: Path, *, skip_bad: bool) -> tuple[tuple[ImageRecord, ...], Pairs, int]:
    """The images below `images` that `file` names, the pairs of them, and how many pairs were left out.

    `skip_bad` leaves out pairs whose images are missing. Raises DataError with each fault and its line.
    """
    lines = _lines(file)
    folds, each = _header(file, lines)
    _check_count(file, len(lines) - 1, folds, each)
    reader = _Reader(file, {str(PurePosixPath(path).with_suffix("")): path for path in scan(images)[0]})
    for place, (number, words) in enumerate(lines[1:]):
        reader.read(number, words, fold=place // (2 * each), same=place % (2 * each) < each)
    return reader.finish(skip_bad=skip_bad)


class _Reader:
    """Collects pairs and faults, line by line."""

    def __init__(self, file: Path, known: Mapping[str, str]) -> None:
        self._file = file
        self._known = known
        self._pairs: list[tuple[str, str, bool, int]] = []
        self._faults: list[Finding] = []
        self._missing: list[Finding] = []

    def read(self, number: int, words: list[str], *, fold: int, same: bool) -> None:
        columns = _ONE if same else _TWO
        shape = "name i j" if same else "name1 i name2 j"
        numbers = [words[1], words[-1]] if len(words) == columns else [""]
        if None in map(whole_number, numbers):
            self._faults.append(self._fault(number, f"'{' '.join(words)}' is not {shape}, which belongs here"))
            return
        names = (words[0], words[0] if same else words[2])
        paths = [f"{name}/{name}_{int(text):04d}" for name, text in zip(names, numbers, strict=True)]
        lost = [path for path in paths if path not in self._known]
        if lost:
            self._missing.append(self._fault(number, f"there is no image {' and no image '.join(lost)}"))
            return
        if (names[0] == names[1]) is not same or paths[0] == paths[1]:
            self._faults.append(
                self._fault(number, "the images of a pair must differ, and its persons where two stand")
            )
            return
        self._pairs.append((self._known[paths[0]], self._known[paths[1]], same, fold))

    def finish(self, *, skip_bad: bool) -> tuple[tuple[ImageRecord, ...], Pairs, int]:
        faults = self._faults if skip_bad else sorted([*self._faults, *self._missing], key=lambda one: one.line)
        if faults:
            more = len(faults) - _SHOWN
            rest = [Finding("list-line", f"{more} more faults", file=str(self._file))] if more > 0 else []
            raise DataError(faults[:_SHOWN] + rest)
        paths = sorted({path for left, right, *_ in self._pairs for path in (left, right)})
        place = {path: index for index, path in enumerate(paths)}
        records = tuple(ImageRecord(path, PurePosixPath(path).parts[0], NO_CAMERA) for path in paths)
        columns = [(place[left], place[right], same, fold) for left, right, same, fold in self._pairs]
        left, right, same, fold = np.array(columns, dtype=np.int64).reshape(-1, 4).T
        return records, Pairs(left, right, same.astype(np.bool_), fold), len(self._missing)

    def _fault(self, number: int, message: str) -> Finding:
        hint = "DATASETS.CORRUPT skip leaves such pairs out" if "no image" in message else ""
        return Finding("list-line", message, str(self._file), number, 1, hint, "TASK.FACE.PAIRS")


def _lines(file: Path) -> list[tuple[int, list[str]]]:
    """Words of the lines that are not blank, counted from 1. Names may hold spaces where tabs part the columns."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            Finding("list-unreadable", f"the pairs cannot be read: {error}", str(file), key="TASK.FACE.PAIRS")
        ) from error
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1)]
    return [(number, line.split("\t") if "\t" in line else line.split()) for number, line in lines if line]


def _header(file: Path, lines: list[tuple[int, list[str]]]) -> tuple[int, int]:
    words = lines[0][1] if lines else []
    folds, each = map(whole_number, words) if len(words) == 2 else (None, None)
    if folds and each and folds > 1:
        return folds, each
    raise DataError(
        Finding(
            "list-line",
            f"'{' '.join(words)}' is not a number of folds, 2 or more, and of pairs in each",
            str(file),
            lines[0][0] if lines else 1,
            1,
            "LFW's own pairs.txt begins with 10 and 300",
            "TASK.FACE.PAIRS",
        )
    )


def _check_count(file: Path, found: int, folds: int, each: int) -> None:
    if found != 2 * folds * each:
        message = (
            f"{folds} folds of {each} pairs of one person and {each} of two are {2 * folds * each} lines, not {found}"
        )
        raise DataError(Finding("list-line", message, str(file), 1, 1, "complete the list", "TASK.FACE.PAIRS"))
