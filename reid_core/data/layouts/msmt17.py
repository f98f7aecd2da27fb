"""MSMT17 (Wei et al. 2018), both releases: lists of images and identities, the camera third in an image's name.

A line reads `0000/0000_003_01_0303morning_0008_0.jpg 0`. Version 1 has its images in train/ and test/, version 2 (faces
blurred) in mask_train_v2/ and mask_test_v2/. The lists count test identities from 0 again: here they are `test/0` and
so on. list_val.txt shows training identities and is trained on only when everything is combined, as FastReID does.
"""

from __future__ import annotations

import re
from pathlib import Path

from reid_core.data.files import Found
from reid_core.data.layouts.image_lists import ImageLists
from reid_core.data.records import ImageRecord

__all__ = ["is_msmt17", "read_msmt17"]

_FOLDERS = (("train", "test"), ("mask_train_v2", "mask_test_v2"))
_LINE = re.compile(r"((?:.*/)?[^/_]+_[^/_]+_(\d+)_[^/]*) +(\d+)")


def is_msmt17(root: Path) -> bool:
    """Whether `root` holds the training list and the images of one release."""
    lists = (root / "list_train.txt").is_file() and (root / "list_gallery.txt").is_file()
    return lists and any((root / train).is_dir() for train, _ in _FOLDERS)


def read_msmt17(root: Path, *, skip_bad: bool) -> Found:
    """Read the lists of `root`. Raises DataError."""
    train, test = next((pair for pair in _FOLDERS if (root / pair[0]).is_dir()), _FOLDERS[0])
    lists = ImageLists(root, skip_bad=skip_bad)
    found = lists.found
    for name, folder, part in (
        ("list_train.txt", train, found.train),
        ("list_val.txt", train, found.extra),
        ("list_query.txt", test, found.query),
        ("list_gallery.txt", test, found.gallery),
    ):
        if part is found.extra and not (root / name).is_file():
            continue
        for number, line in lists.lines(name):
            match = _LINE.fullmatch(line)
            if match is None:
                lists.fault(name, number, f"'{line}' is no path of an image (camera third in its name) and identity")
                continue
            pid = str(int(match[3])) if folder == train else f"test/{int(match[3])}"
            lists.add(part, ImageRecord(f"{folder}/{match[1]}", pid, int(match[2])), name, number)
    return lists.finish()
