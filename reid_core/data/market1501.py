"""Market-1501's layout: three folders, identity and camera in the name (`0002_c1s1_000451_03.jpg`).

The name rule is FastReID's. Identity -1 is junk (left out and counted); 0 marks distractors, which stay in the gallery:
they are nobody's match.
"""

from __future__ import annotations

import re
from pathlib import Path

from reid_core.data.files import Found, examples, scan
from reid_core.data.records import JUNK, ImageRecord
from reid_core.errors import DataError, Finding

__all__ = ["FOLDERS", "NAME", "is_market1501", "read_market1501"]

NAME = re.compile(r"([-\d]+)_c(\d+)")
_TRAIN, _QUERY, _GALLERY = FOLDERS = ("bounding_box_train", "query", "bounding_box_test")
_NUMBER = re.compile(r"-?\d+")


def is_market1501(root: Path) -> bool:
    """Whether `root` holds at least the training or the gallery folder (`query` alone could be anybody's)."""
    return (root / _TRAIN).is_dir() or (root / _GALLERY).is_dir()


def read_market1501(root: Path, *, skip_bad: bool) -> Found:
    """Read the three folders. Names that do not parse are an error, or ignored and counted with `skip_bad`."""
    found = Found()
    unparsable: list[str] = []
    for folder, part in ((_TRAIN, found.train), (_QUERY, found.query), (_GALLERY, found.gallery)):
        images, ignored = scan(root, folder)
        found.ignored.update(ignored)
        for path in images:
            who = _parse(path)
            if who is None:
                unparsable.append(path)
            elif who[0] == JUNK:
                found.ignored["junk (identity -1)"] += 1
            else:
                part.append(ImageRecord(path, *who))
    _report(unparsable, root, skip_bad=skip_bad)
    found.ignored["name without identity and camera"] += len(unparsable)
    _count_outside(root, found)
    return found


def _parse(path: str) -> tuple[str, int] | None:
    match = NAME.search(path.rsplit("/", 1)[-1])
    if match is None or _NUMBER.fullmatch(match[1]) is None:
        return None
    return str(int(match[1])), int(match[2])


def _report(unparsable: list[str], root: Path, *, skip_bad: bool) -> None:
    if not unparsable or skip_bad:
        return
    raise DataError(
        Finding(
            "unparsable-name",
            f"{len(unparsable)} image names carry no identity and camera: {examples(unparsable)}",
            file=str(root),
            hint="names look like 0002_c1_000451.jpg (identity _c camera); rename them, describe the images in a "
            "manifest.csv, or leave these out with DATASETS.CORRUPT skip",
            key="DATASETS.ROOT",
        )
    )


def _count_outside(root: Path, found: Found) -> None:
    inside = tuple(f"{folder}/" for folder in FOLDERS)
    images, ignored = scan(root)
    found.ignored["outside the three folders"] += sum(not path.startswith(inside) for path in images)
    for reason, count in ignored.items():
        found.ignored[reason] = count  # of the whole tree, the three folders included
