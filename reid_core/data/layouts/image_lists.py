"""Data sets whose splits are lists of images: reading the lists, and checking that the images are there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from reid_core.data.files import Found, scan
from reid_core.data.records import ImageRecord
from reid_core.errors import DataError, Finding

__all__ = ["ImageLists"]

_SHOWN = 20


class ImageLists:
    """Collects the records of the data set in `root`, and everything that is wrong with its lists.

    `skip_bad` leaves out and counts listed images that are missing.
    """

    def __init__(self, root: Path, *, skip_bad: bool) -> None:
        self.found = Found()
        self._root = root
        self._skip_bad = skip_bad
        images, self.found.ignored = scan(root)
        self._images = set(images)
        self._unlisted = set(images)
        self._listed: set[tuple[int, str]] = set()
        self._faults: list[Finding] = []

    def lines(self, name: str) -> Iterator[tuple[int, str]]:
        """Lines of the list `name` that are not blank, counted from 1. Raises DataError when it cannot be read."""
        try:
            text = (self._root / name).read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise self.unreadable(name, error) from error
        self.count_as_read()
        for number, line in enumerate(text.splitlines(), start=1):
            if line.strip():
                yield number, line.strip()

    def count_as_read(self) -> None:
        """One of the files that are no images was read: it is not among the ignored ones."""
        self.found.ignored["not an image"] -= 1

    def unreadable(self, name: str, why: object) -> DataError:
        """The error for a list that cannot be read."""
        return DataError(
            Finding(
                "list-unreadable",
                f"a list of the data set cannot be read: {why}",
                file=str(self._root / name),
                hint="complete the folder, or name another layout with DATASETS.LAYOUT",
                key="DATASETS.ROOT",
            )
        )

    def add(self, part: list[ImageRecord], record: ImageRecord, name: str, line: int = 0) -> None:
        """Put an image that `line` of the list `name` names into `part`, if its file is there."""
        self._unlisted.discard(record.path)
        if (id(part), record.path) in self._listed:
            self.found.ignored["listed twice"] += 1
        elif record.path in self._images:
            part.append(record)
        elif self._skip_bad:
            self.found.ignored["missing file"] += 1
        else:
            hint = "DATASETS.CORRUPT skip leaves such images out"
            self.fault(name, line, f"'{record.path}' does not exist", hint=hint)
        self._listed.add((id(part), record.path))

    def fault(self, name: str, line: int, message: str, *, hint: str = "") -> None:
        """Something is wrong in a line of a list."""
        place = str(self._root / name)
        self._faults.append(Finding("list-line", message, place, line, int(line > 0), hint, "DATASETS.ROOT"))

    def finish(self) -> Found:
        """Sort the records and count the images in no list. Raises DataError with every fault."""
        if self._faults:
            more = len(self._faults) - _SHOWN
            rest = [Finding("list-line", f"{more} more faults", file=str(self._root))] if more > 0 else []
            raise DataError(self._faults[:_SHOWN] + rest)
        found = self.found
        for part in (found.train, found.query, found.gallery, found.extra):
            part.sort(key=lambda record: record.path)
        found.ignored["in no list"] += len(self._unlisted)
        return found
