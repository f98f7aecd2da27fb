"""A manifest.csv: one row an image, with columns file, pid, camid and split in any order; other columns are let be.

`file` is relative to the manifest's folder; `pid` is any text; `camid` a number of at least 0; `split` is train, query
or gallery. An image may be both query and gallery, but not trained on and measured.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from reid_core.data.files import Found, scan
from reid_core.data.numbers import whole_number
from reid_core.data.records import JUNK, NO_CAMERA, ImageRecord
from reid_core.errors import DataError, Finding

__all__ = ["MANIFEST", "Row", "is_manifest", "read_manifest", "read_rows"]

MANIFEST = "manifest.csv"
_COLUMNS = ("file", "pid", "camid", "split")
_SPLITS = {"train": "train", "query": "query", "gallery": "gallery"}
_SHOWN = 20


def is_manifest(root: Path) -> bool:
    """Whether `root` holds a manifest.csv."""
    return (root / MANIFEST).is_file()


def read_manifest(
    root: Path, *, no_cameras: bool, skip_bad: bool, splits: Mapping[str, str] = MappingProxyType(_SPLITS)
) -> Found:
    """Read `root`/manifest.csv. Raises DataError with every bad row; `skip_bad` leaves out files that are missing.

    `splits`: what the column says, and the member of Found that its images go to.
    """
    reader = _Reader(root, no_cameras=no_cameras, skip_bad=skip_bad, parts=splits)
    for row in read_rows(root / MANIFEST, [name for name in _COLUMNS if not (no_cameras and name == "camid")]):
        reader.add(row)
    return reader.finish()


@dataclass(frozen=True, slots=True)
class Row:
    """One row: fields by column name, and where each began."""

    line: int
    fields: dict[str, str]
    columns: dict[str, int]


def read_rows(path: Path, needed: Sequence[str]) -> Iterator[Row]:
    """The rows of a CSV file whose first line names its columns, `needed` among them. Raises DataError."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(Finding("manifest-unreadable", f"cannot read it: {error}", file=str(path))) from error
    header = _fields(lines[0]) if lines else []
    names = [text.strip() for text, _ in header]
    missing = [name for name in needed if name not in names]
    if missing:
        raise DataError(
            Finding(
                "manifest-columns",
                f"the first line has no column {' or '.join(missing)}; it reads {', '.join(names) or 'nothing'}",
                file=str(path),
                line=1,
                col=1,
                hint=f"write {','.join(needed)} there",
            )
        )
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        fields = _fields(line)
        texts = {name: text.strip() for name, (text, _) in zip(names, fields, strict=False)}
        yield Row(number, texts, {name: col for name, (_, col) in zip(names, fields, strict=False)})


def _fields(line: str) -> list[tuple[str, int]]:
    """The fields of one line as text and starting column; commas in double quotes do not end a field."""
    texts = next(csv.reader([line]), [])
    starts, quoted = [1], False
    for at, sign in enumerate(line, start=1):
        quoted ^= sign == '"'
        if sign == "," and not quoted:
            starts.append(at + 1)
    return list(zip(texts, starts, strict=False))


@dataclass(slots=True)
class _Reader:
    """Collects records and findings row by row."""

    root: Path
    no_cameras: bool
    skip_bad: bool
    parts: Mapping[str, str]
    found: Found = field(default_factory=Found)
    findings: list[Finding] = field(default_factory=list)
    splits: dict[str, dict[str, int]] = field(default_factory=dict)
    people: dict[str, str] = field(default_factory=dict)

    def add(self, row: Row) -> None:
        """Check one row and keep its record, its reason to be ignored, or its faults."""
        before = len(self.findings)
        file, pid, split = (self._text(row, name) for name in ("file", "pid", "split"))
        camid = self._camera(row)
        if split and split not in self.parts:
            self._fault(row, "split", f"split is '{split}', not one of {', '.join(self.parts)}")
        if file:
            self._check_file(row, file, pid, split)
        if len(self.findings) > before:
            return
        if not os.path.isfile(self.root / file):  # noqa: PTH113 - is_file() raises for a name that is too long
            self.found.ignored["missing file"] += 1
        elif pid == JUNK:
            self.found.ignored["junk (identity -1)"] += 1
        else:
            getattr(self.found, self.parts[split]).append(ImageRecord(PurePosixPath(file).as_posix(), pid, camid))

    def finish(self) -> Found:
        """Sort, count the images that no row names, or raise everything found."""
        if self.findings:
            more = len(self.findings) - _SHOWN
            rest = [Finding("manifest-row", f"{more} more faults", file=str(self.root / MANIFEST))] if more > 0 else []
            raise DataError(self.findings[:_SHOWN] + rest)
        for part in (self.found.train, self.found.query, self.found.gallery):
            part.sort(key=lambda record: record.path)
        images, ignored = scan(self.root)
        self.found.ignored.update(ignored)
        self.found.ignored["not an image"] -= 1  # the manifest itself
        self.found.ignored["not in manifest.csv"] += sum(path not in self.splits for path in images)
        return self.found

    def _text(self, row: Row, name: str) -> str:
        text = row.fields.get(name, "")
        if not text:
            self._fault(row, name, f"{name} is empty")
        return text

    def _camera(self, row: Row) -> int:
        text = row.fields.get("camid", "")
        camera = whole_number(text)
        if camera is not None:
            return camera
        if not self.no_cameras:
            self._fault(
                row,
                "camid",
                f"camid is '{text}', not a number from 0",
                hint="without cameras use --no-cameras (DATASETS.NO_CAMERAS true)",
            )
        return NO_CAMERA

    def _check_file(self, row: Row, file: str, pid: str, split: str) -> None:
        path = PurePosixPath(file)
        if path.is_absolute() or ".." in path.parts:
            self._fault(row, "file", f"'{file}' does not lie below the manifest's folder")
            return
        name = path.as_posix()
        earlier = self.splits.setdefault(name, {})
        if split in earlier:
            self._fault(row, "file", f"'{file}' is already in {split}, in line {earlier[split]}")
        elif earlier and "train" in (split, *earlier):
            other, line = next(iter(earlier.items()))
            self._fault(row, "file", f"'{file}' is in {split} and, in line {line}, in {other}")
        elif self.people.setdefault(name, pid) != pid:
            self._fault(row, "pid", f"'{file}' shows '{pid}' here and '{self.people[name]}' before")
        earlier.setdefault(split, row.line)
        if not self.skip_bad and not os.path.isfile(self.root / path):  # noqa: PTH113 - as above
            self._fault(row, "file", f"'{file}' does not exist", hint="DATASETS.CORRUPT skip leaves such rows out")

    def _fault(self, row: Row, name: str, message: str, *, hint: str = "") -> None:
        file = str(self.root / MANIFEST)
        self.findings.append(Finding("manifest-row", message, file, row.line, row.columns.get(name, 1), hint))
