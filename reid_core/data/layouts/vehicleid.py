"""VehicleID (Liu et al. 2016): lists of `0000001 12` (image, vehicle) under train_test_split/, images in image/.

Cameras are not known. One image of each test vehicle is the gallery, its others are queries, as the paper has it; the
paper draws that ten times and FastReID anew in every run, here it is one seeded draw, always the same; TEST.REPEATS
draws as often as it says.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from reid_core.data.files import Found
from reid_core.data.layouts.image_lists import ImageLists
from reid_core.data.randomness import Purpose, generator
from reid_core.data.records import NO_CAMERA, ImageRecord, identities_of

__all__ = ["is_vehicleid", "read_vehicleid"]

_TRAIN = "train_test_split/train_list.txt"
_LINE = re.compile(r"(\w+) +(\d+)")
_SEED = 0  # not the search's: what is measured must not depend on it


def is_vehicleid(root: Path) -> bool:
    """Whether `root` holds the training list and the folder of images."""
    return (root / _TRAIN).is_file() and (root / "image").is_dir()


def read_vehicleid(root: Path, vehicles: int, *, skip_bad: bool) -> Found:
    """Read `root` with the test list of so many vehicles. Raises DataError."""
    lists = ImageLists(root, skip_bad=skip_bad)
    test: list[ImageRecord] = []
    for name, part in ((_TRAIN, lists.found.train), (f"train_test_split/test_list_{vehicles}.txt", test)):
        for number, line in lists.lines(name):
            match = _LINE.fullmatch(line)
            if match is None:
                lists.fault(name, number, f"'{line}' is not the number of an image and that of a vehicle")
                continue
            lists.add(part, ImageRecord(f"image/{match[1]}.jpg", str(int(match[2])), NO_CAMERA), name, number)
    gallery = _one_each(test)
    lists.found.gallery += gallery
    lists.found.query += sorted(set(test) - set(gallery), key=lambda record: record.path)
    return lists.finish()


def _one_each(records: list[ImageRecord]) -> list[ImageRecord]:
    """One image of each identity; it depends on the identity's own images only."""
    own: dict[str, list[ImageRecord]] = defaultdict(list)
    for record in sorted(records, key=lambda record: record.path):
        own[record.pid].append(record)
    return [
        own[pid][int(generator(_SEED, Purpose.SPLIT, int(pid)).integers(len(own[pid])))]
        for pid in identities_of(records)
    ]
