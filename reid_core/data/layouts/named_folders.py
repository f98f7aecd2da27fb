"""A folder a split, identity and camera in every file name: what many data sets have in common, as one description."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from reid_core.data.files import Found, examples, scan
from reid_core.data.records import JUNK, ImageRecord
from reid_core.errors import DataError, Finding

__all__ = ["NamedFolders"]

_NUMBER = re.compile(r"-?\d+")
_COUNT = {2: "two", 3: "three"}


@dataclass(frozen=True, slots=True)
class NamedFolders:
    """Folders and the rule of their file names. Identity -1 is junk: left out and counted.

    `name` finds the identity and the camera in a file's name; `example` shows it to people. Where the rule has no
    camera, query and gallery count as two. `train` is empty where there is nothing to train on. `nobody` are
    identities that stand in the gallery and are nobody's match.
    """

    train: str
    query: str
    gallery: str
    name: re.Pattern[str]
    example: str
    nobody: frozenset[str] = frozenset()

    def fits(self, root: Path) -> bool:
        """Whether `root` holds the folders: train or gallery (a query alone could be anybody's), or both tests."""
        if self.train:
            return (root / self.train).is_dir() or (root / self.gallery).is_dir()
        return (root / self.query).is_dir() and (root / self.gallery).is_dir()

    def read(self, root: Path, *, skip_bad: bool) -> Found:
        """Read the folders. Names that do not parse are an error, or ignored and counted with `skip_bad`."""
        found = Found(nobody=self.nobody)
        unparsable: list[str] = []
        parts = ((self.train, 0, found.train), (self.query, 1, found.query), (self.gallery, 2, found.gallery))
        for folder, camera, part in parts:
            for path in scan(root, folder)[0] if folder else []:
                who = self._parse(path, camera)
                if who is None:
                    unparsable.append(path)
                elif who[0] == JUNK:
                    found.ignored["junk (identity -1)"] += 1
                else:
                    part.append(ImageRecord(path, *who))
        self._report(unparsable, root, skip_bad=skip_bad)
        found.ignored["name without identity and camera"] += len(unparsable)
        self._count_outside(root, found)
        return found

    def _parse(self, path: str, camera: int) -> tuple[str, int] | None:
        match = self.name.search(path.rsplit("/", 1)[-1])
        if match is None or _NUMBER.fullmatch(match[1]) is None:
            return None
        return str(int(match[1])), int(match[2]) if self.name.groups > 1 else camera

    def _report(self, unparsable: list[str], root: Path, *, skip_bad: bool) -> None:
        if not unparsable or skip_bad:
            return
        what = "identity and camera" if self.name.groups > 1 else "identity"
        raise DataError(
            Finding(
                "unparsable-name",
                f"{len(unparsable)} image names carry no {what}: {examples(unparsable)}",
                file=str(root),
                hint=f"names look like {self.example}; rename them, describe the images in a "
                "manifest.csv, or leave these out with DATASETS.CORRUPT skip",
                key="DATASETS.ROOT",
            )
        )

    def _count_outside(self, root: Path, found: Found) -> None:
        folders = [folder for folder in (self.train, self.query, self.gallery) if folder]
        inside = tuple(f"{folder}/" for folder in folders)
        images, ignored = scan(root)
        reason = f"outside the {_COUNT[len(folders)]} folders"
        found.ignored[reason] += sum(not path.startswith(inside) for path in images)
        found.ignored.update(ignored)
