"""CUHK03 (Li et al. 2014) under the new protocol of Zhong et al. 2017: 767 identities to train on, 700 to test.

Images are `images_labeled/1_001_1_01.png` or `images_detected/...` (camera pair, person, camera 1 or 2, number), split
by `cuhk03_new_protocol_config_labeled.mat` or, where it is there, by the `splits_new_labeled.json` that FastReID and
torchreid write. Test identities are called `test/1` and so on: the JSON counts training identities from 0 again.
The original cuhk-03.mat is not read: FastReID and torchreid unpack it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Literal, TypeAlias

from reid_core.data.files import Found
from reid_core.data.layouts.image_lists import ImageLists
from reid_core.data.records import ImageRecord
from reid_core.errors import DataError, Finding

__all__ = ["Boxes", "is_cuhk03", "read_cuhk03"]

Boxes: TypeAlias = Literal["labeled", "detected"]
"""Who drew the boxes: people or a detector."""
_NAME = re.compile(r"\d+_\d+_(\d+)_\d+\.png")
_SPLITS = ("train", "query", "gallery")
_Row: TypeAlias = tuple[str, str, str]
"""Split, file name, identity as the split's file numbers it."""


def is_cuhk03(root: Path) -> bool:
    """Whether `root` holds unpacked images, or what they are unpacked from."""
    names = ("images_labeled", "images_detected", "cuhk03_release")
    return any((root / name).is_dir() for name in names)


def read_cuhk03(root: Path, boxes: Boxes, *, skip_bad: bool) -> Found:
    """Read the images in `boxes`. Raises DataError."""
    folder = f"images_{boxes}"
    if not (root / folder).is_dir():
        raise DataError(
            Finding(
                "missing-folder",
                f"there is no {folder}/ in it",
                file=str(root),
                hint="unpack cuhk-03.mat with FastReID or torchreid, or name the boxes: DATASETS.LAYOUT cuhk03 "
                "(labeled) or cuhk03_detected",
                key="DATASETS.ROOT",
            )
        )
    lists = ImageLists(root, skip_bad=skip_bad)
    name, rows = _split(root, boxes, lists)
    parts = dict(zip(_SPLITS, (lists.found.train, lists.found.query, lists.found.gallery), strict=True))
    for split, image, label in rows:
        match = _NAME.fullmatch(image)
        if match is None:
            lists.fault(name, 0, f"'{image}' is no name as 1_001_1_01.png")
            continue
        pid = label if split == "train" else f"test/{label}"
        lists.add(parts[split], ImageRecord(f"{folder}/{image}", pid, int(match[1])), name)
    return lists.finish()


def _split(root: Path, boxes: Boxes, lists: ImageLists) -> tuple[str, list[_Row]]:
    """The name of the file that splits the images, and what it says."""
    written, published = f"splits_new_{boxes}.json", f"cuhk03_new_protocol_config_{boxes}.mat"
    name, rows = (written, _json_rows) if (root / written).is_file() else (published, _mat_rows)
    try:
        found = list(rows(root / name))
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise lists.unreadable(name, error) from error
    lists.count_as_read()
    return name, found


def _json_rows(path: Path) -> Iterator[_Row]:
    split = json.loads(path.read_text(encoding="utf-8"))[0]
    for name in _SPLITS:
        for image, label, _ in split[name]:  # with the path on the machine that wrote it
            yield name, PurePosixPath(image.replace("\\", "/")).name, str(int(label))


def _mat_rows(path: Path) -> Iterator[_Row]:
    from scipy.io import loadmat  # noqa: PLC0415 - only this needs it

    config = loadmat(path)
    images = [str(cell[0]) for cell in config["filelist"].ravel()]
    labels = [str(int(label)) for label in config["labels"].ravel()]
    for name in _SPLITS:
        for place in config[f"{name}_idx"].ravel().tolist():
            if not 1 <= place <= len(images):  # MATLAB counts from 1
                raise IndexError(f"{name}_idx names image {place} of {len(images)}")
            yield name, images[int(place) - 1], labels[int(place) - 1]
