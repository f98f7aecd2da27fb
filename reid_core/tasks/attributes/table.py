"""An attributes.csv: one row an image, with columns file, split, perhaps pid and camid, and one column an attribute.

`split` is train, val or test (measured is test where both are there). An attribute is 1, 0, or, where nobody knows, -1
or nothing. `pid` is any text; images without one count as one person each.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

import numpy as np

from reid_core.data.files import Found, examples, scan
from reid_core.data.labelled import prefer_test
from reid_core.data.layouts.manifest import Row, read_rows
from reid_core.data.layouts.recognise import file_fingerprint, found_dataset
from reid_core.data.layouts.reid_sets import refuse_reid_set
from reid_core.data.numbers import whole_number
from reid_core.data.records import JUNK, NO_CAMERA, Dataset, ImageRecord, Layout
from reid_core.errors import DataError, Finding

__all__ = ["TABLE", "UNKNOWN", "AttributeTable", "check_attributes", "read_attributes"]

TABLE = "attributes.csv"
UNKNOWN = -1.0
"""The target of an attribute that nobody knows."""
_FIXED = ("file", "split", "pid", "camid")
_SPLITS = {"train": "train", "val": "query", "test": "gallery"}
_VALUES = {"1": 1.0, "0": 0.0, "-1": UNKNOWN, "": UNKNOWN}
_SHOWN = 20


@dataclass(frozen=True, slots=True, eq=False)
class AttributeTable:
    """A data set whose `gallery` is measured, the `names` of the attributes, and each image's by its path."""

    dataset: Dataset
    names: tuple[str, ...]
    targets: dict[str, tuple[float, ...]]


def read_attributes(root: Path, *, skip_bad: bool = False) -> AttributeTable:
    """Read `root`/attributes.csv. Raises DataError with every bad row; `skip_bad` leaves out files that are missing."""
    path = root / TABLE
    if not root.is_dir():
        what = "is a file, not a folder" if root.exists() else "does not exist"
        raise DataError(Finding("missing-folder", f"the data folder {what}", str(root), hint="check --data", key=_KEY))
    if not path.is_file():
        refuse_reid_set(root, f"train it with a recipe of the task reid, or add {TABLE}")
        hint = f"write one row an image into {TABLE}: {','.join(_FIXED[:2])} and a column an attribute"
        raise DataError(Finding("no-attributes", f"there is no {TABLE} in it", str(root), hint=hint, key=_KEY))
    reader = _Reader(root, _names(path), skip_bad=skip_bad)
    for row in read_rows(path, _FIXED[:2]):
        reader.add(row)
    found = reader.finish()
    if not found.train or not found.gallery:
        counts = f"{len(found.train)} images to train on, {len(found.gallery)} to test on"
        raise DataError(Finding("one-sided-split", counts, str(path), hint="both need images", key=_KEY))
    found.warnings += check_attributes(reader.names, found.train, found.gallery, reader.targets, str(path))
    fingerprint = _fingerprint(root, found, reader)
    dataset = found_dataset(root, found, Layout.MANIFEST, found.warnings, fingerprint=fingerprint)
    return AttributeTable(dataset, reader.names, reader.targets)


def check_attributes(
    names: Sequence[str],
    train: Sequence[ImageRecord],
    test: Sequence[ImageRecord],
    targets: dict[str, tuple[float, ...]],
    place: str,
) -> list[str]:
    """Warnings of attributes that are always the same. Raises DataError where nobody knows one of any training image.

    Also where no test image shows both answers of an attribute: there is nothing to measure.
    """
    learned, measured = (np.array([targets[one.path] for one in part]) for part in (train, test))
    unknown = [name for name, column in zip(names, learned.T, strict=True) if (column < 0).all()]
    if unknown:
        of = "1 attribute" if len(unknown) == 1 else f"{len(unknown)} attributes"
        message = f"no training image says anything of {of}: {examples(unknown)}"
        raise DataError(Finding("empty-attribute", message, place, hint="fill the columns, or remove them", key=_KEY))
    warnings = []
    for part, columns, so in (("training", learned, "not learned"), ("test", measured, "not in mA")):
        same = [name for name, column in zip(names, columns.T, strict=True) if not _both(column)]
        if same and (part == "training" or len(same) < len(names)):
            have = "1 attribute has" if len(same) == 1 else f"{len(same)} attributes have"
            are = "is" if len(same) == 1 else "are"
            warnings.append(f"{have} one answer in all {part} images, and {are} {so}: {examples(same)}")
        elif same:
            message = "no attribute has both answers among the test images"
            raise DataError(Finding("one-answer", message, place, hint="add test images", key=_KEY))
    return warnings


def _both(column: np.ndarray[tuple[int], np.dtype[np.float64]]) -> bool:
    return bool((column == 0).any() and (column > 0).any())


def _names(path: Path) -> tuple[str, ...]:
    """The columns that are attributes. Raises DataError where there is none, or one is unnamed or named twice."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            header = [name.strip() for name in next(csv.reader(stream), [])]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(Finding("table-unreadable", f"cannot read it: {error}", file=str(path))) from error
    names = [name for name in header if name not in _FIXED]
    twice = sorted({name for name in header if header.count(name) > 1})
    fault = ""
    if not all(header):
        fault = f"column {header.index('') + 1} has no name"
    elif twice:
        fault = f"two columns are called {twice[0]}"
    elif header and not names:
        fault = f"the first line names no attribute; it reads {', '.join(header)}"
    if fault:
        hint = f"{','.join(_FIXED)} and a name for each attribute"
        raise DataError(Finding("table-columns", fault, str(path), 1, 1, hint))
    return tuple(names)


@dataclass(slots=True)
class _Reader:
    """Collects records, targets and findings row by row."""

    root: Path
    names: tuple[str, ...]
    skip_bad: bool
    found: Found = field(default_factory=Found)
    targets: dict[str, tuple[float, ...]] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def add(self, row: Row) -> None:
        """Check one row and keep its record and targets, or its faults."""
        before = len(self.findings)
        file, split = row.fields.get("file", ""), row.fields.get("split", "")
        path = PurePosixPath(file)
        if split not in _SPLITS:
            self._fault(row, "split", f"split is '{split}', not one of {', '.join(_SPLITS)}")
        missing = self._check_file(row, path) if file else self._fault(row, "file", "file is empty")
        values = tuple(self._value(row, name) for name in self.names)
        if len(self.findings) > before:
            return
        if missing:
            self.found.ignored["missing file"] += 1
            return
        pid, camid = row.fields.get("pid", ""), row.fields.get("camid", "")
        person = path.as_posix() if pid in {"", JUNK} else pid
        camera = whole_number(camid)
        getattr(self.found, _SPLITS[split]).append(
            ImageRecord(path.as_posix(), person, NO_CAMERA if camera is None else camera)
        )
        self.targets[path.as_posix()] = values

    def finish(self) -> Found:
        """Sort, choose what is measured, count the images that no row names, or raise everything found."""
        place = str(self.root / TABLE)
        if self.findings:
            more = len(self.findings) - _SHOWN
            rest = [Finding("table-row", f"{more} more faults", file=place)] if more > 0 else []
            raise DataError(self.findings[:_SHOWN] + rest)
        found = self.found
        prefer_test(found)
        for part in (found.train, found.gallery):
            part.sort(key=lambda record: record.path)
        images, ignored = scan(self.root)
        found.ignored.update(ignored)
        found.ignored["not an image"] -= 1  # the table itself
        found.ignored[f"not in {TABLE}"] += sum(path not in self.lines for path in images)
        return found

    def _check_file(self, row: Row, path: PurePosixPath) -> bool:
        """Whether the file is missing, where that is allowed."""
        if path.is_absolute() or ".." in path.parts:
            return self._fault(row, "file", f"'{path}' does not lie below the table's folder")
        earlier = self.lines.setdefault(path.as_posix(), row.line)
        if earlier != row.line:
            return self._fault(row, "file", f"'{path}' is already in line {earlier}")
        missing = not (self.root / path).is_file()
        if missing and not self.skip_bad:
            self._fault(row, "file", f"'{path}' does not exist", hint="DATASETS.CORRUPT skip leaves such rows out")
        return missing

    def _value(self, row: Row, name: str) -> float:
        text = row.fields.get(name)
        if text is None:
            self._fault(row, name, f"the row ends before {name}", hint="an attribute that nobody knows is -1 or empty")
        elif text not in _VALUES:
            self._fault(row, name, f"{name} is '{text}', not 1, 0, or -1 or empty where nobody knows")
        return _VALUES.get(text or "", UNKNOWN)

    def _fault(self, row: Row, name: str, message: str, *, hint: str = "") -> bool:
        place = str(self.root / TABLE)
        self.findings.append(Finding("table-row", message, place, row.line, row.columns.get(name, 1), hint))
        return False


def _fingerprint(root: Path, found: Found, reader: _Reader) -> str:
    """That of the images, and of what is said of them."""

    def told(records: Iterable[ImageRecord]) -> list[ImageRecord]:
        said = {path: "".join(f"{value:g}," for value in values) for path, values in reader.targets.items()}
        return [replace(one, pid=f"{one.pid}\0{said[one.path]}") for one in records]

    names = [ImageRecord(next(iter(reader.targets)), "\0".join(reader.names), NO_CAMERA)]
    return file_fingerprint(root, Found(train=told(found.train), gallery=told(found.gallery), extra=names))


_KEY = "DATASETS.ROOT"
