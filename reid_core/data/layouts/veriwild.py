"""VERI-Wild (Lou et al. 2019): lists of `00001/000001.jpg` (vehicle/image) under train_test_split/, images in images/.

The cameras stand in vehicle_info.txt, whose lines read `00001/000001;12;...` below a heading.
"""

from __future__ import annotations

import re
from pathlib import Path

from reid_core.data.files import Found
from reid_core.data.layouts.image_lists import ImageLists
from reid_core.data.records import ImageRecord

__all__ = ["is_veriwild", "read_veriwild"]

_LISTS = "train_test_split"
_CAMERAS = f"{_LISTS}/vehicle_info.txt"
_IMAGE = re.compile(r"((\d+)/\w+)(?:\.jpg)?")
_CAMERA = re.compile(r"(\d+/\w+);(\d+)(?:;.*)?")


def is_veriwild(root: Path) -> bool:
    """Whether `root` holds the list of cameras and the folder of images."""
    return (root / _CAMERAS).is_file() and (root / "images").is_dir()


def read_veriwild(root: Path, vehicles: int, *, skip_bad: bool) -> Found:
    """Read `root` with the test lists of so many vehicles. Raises DataError."""
    lists = ImageLists(root, skip_bad=skip_bad)
    cameras = _cameras(lists)
    for name, part in (
        (f"{_LISTS}/train_list.txt", lists.found.train),
        (f"{_LISTS}/test_{vehicles}_query.txt", lists.found.query),
        (f"{_LISTS}/test_{vehicles}.txt", lists.found.gallery),
    ):
        for number, line in lists.lines(name):
            match = _IMAGE.fullmatch(line)
            if match is None:
                lists.fault(name, number, f"'{line}' is no vehicle/image")
            elif match[1] not in cameras:
                lists.fault(name, number, f"vehicle_info.txt has no camera for {match[1]}")
            else:
                record = ImageRecord(f"images/{match[1]}.jpg", str(int(match[2])), cameras[match[1]])
                lists.add(part, record, name, number)
    return lists.finish()


def _cameras(lists: ImageLists) -> dict[str, int]:
    found: dict[str, int] = {}
    for number, line in lists.lines(_CAMERAS):
        match = _CAMERA.fullmatch(line)
        if match:
            found[match[1]] = int(match[2])
        elif number > 1:  # the first is the heading
            lists.fault(_CAMERAS, number, f"'{line}' is no vehicle/image;camera")
    return found
