"""One folder per identity: the folder's name is the identity; a name like `a_c2_01.jpg` says the camera.

There is no test split in this layout, so a seeded one is cut: always the same for the same images.
"""

from __future__ import annotations

import re
from pathlib import Path

from reid_core.data.files import Found, examples, scan
from reid_core.data.records import NO_CAMERA, ImageRecord
from reid_core.data.split import cut
from reid_core.errors import DataError, Finding

__all__ = ["CAMERA", "TEST_FRACTION", "is_folders", "read_folders"]

CAMERA = re.compile(r"(?<![A-Za-z0-9])c(\d+)")
TEST_FRACTION = 0.3
_TEST_SEED = 0  # not the search's: the test identities must stay unseen whatever seed a search has


def is_folders(root: Path) -> bool:
    """Whether an image lies in a folder directly below `root`."""
    return any(path.count("/") == 1 for path in scan(root)[0])


def read_folders(root: Path, *, no_cameras: bool) -> Found:
    """Read every folder below `root` as one identity, and cut TEST_FRACTION of them as test split."""
    images, ignored = scan(root)
    found = Found(ignored=ignored)
    records = [_record(path) for path in images if "/" in path]
    found.ignored["outside an identity's folder"] += len(images) - len(records)
    _check_cameras(records, root, no_cameras=no_cameras)
    if not records:
        return found
    test = cut(records, TEST_FRACTION, seed=_TEST_SEED, no_cameras=no_cameras, purpose="test split")
    found.train = [records[index] for index in test.train]
    found.query = [records[index] for index in test.query]
    found.gallery = [records[index] for index in test.gallery]
    identities = len({record.pid for record in found.gallery})
    found.warnings.append(f"the layout has no test split: {identities} identities were set aside as test")
    return found


def _record(path: str) -> ImageRecord:
    camera = CAMERA.search(path.rsplit("/", 1)[-1])
    return ImageRecord(path, path.split("/", 1)[0], int(camera[1]) if camera else NO_CAMERA)


def _check_cameras(records: list[ImageRecord], root: Path, *, no_cameras: bool) -> None:
    silent = [record.path for record in records if record.camid == NO_CAMERA]
    if no_cameras or not silent:
        return
    raise DataError(
        Finding(
            "no-cameras",
            f"{len(silent)} of {len(records)} image names say no camera: {examples(silent)}",
            file=str(root),
            hint="put it into the name (0001_c2_17.jpg), or say that cameras are unknown with --no-cameras "
            "(DATASETS.NO_CAMERAS true): evaluation then drops only the query itself",
            key="DATASETS.NO_CAMERAS",
        )
    )
