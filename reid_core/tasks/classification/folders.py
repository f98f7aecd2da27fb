"""Classes on disk: a folder a class below train and test (or val), a folder a class alone, or a manifest.csv."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reid_core.data.files import Found, examples, scan
from reid_core.data.labelled import held_shares, prefer_test
from reid_core.data.layouts.manifest import MANIFEST, is_manifest, read_manifest
from reid_core.data.layouts.recognise import found_dataset
from reid_core.data.layouts.reid_sets import refuse_reid_set
from reid_core.data.records import NO_CAMERA, Dataset, ImageRecord, Layout, identities_of
from reid_core.errors import DataError, Finding

__all__ = ["TEST_FRACTION", "read_classes"]

TEST_FRACTION = 0.3
"""Of each class, where the folders have no test split."""
_TEST_SEED = 0  # not the search's: test images must stay unseen whatever seed a search has
_SPLITS = {"train": "train", "test": "gallery", "val": "query"}


def read_classes(root: Path, layout: Layout | None = None, *, skip_bad: bool = False) -> Dataset:
    """The images below `root` by class, which is their `pid`; what is measured stands in `gallery`.

    `layout` None takes a manifest.csv where there is one, else folders. Of val and test, test is measured where both
    are there. `skip_bad` leaves out files that a manifest names and that are missing. Raises DataError.
    """
    if not root.is_dir():
        what = "is a file, not a folder" if root.exists() else "does not exist"
        raise DataError(_finding("missing-folder", f"the data folder {what}", root, "check --data"))
    if layout is not Layout.FOLDERS:
        refuse_reid_set(root, "take a recipe of the task reid; with DATASETS.LAYOUT folders its folders are classes")
    kind = layout or (Layout.MANIFEST if is_manifest(root) else Layout.FOLDERS)
    if kind is Layout.MANIFEST:
        found = read_manifest(root, no_cameras=True, skip_bad=skip_bad, splits=_SPLITS)
        empty: list[str] = []
    else:
        folders = _Folders(root)
        found, empty = folders.read(), folders.empty
    prefer_test(found)
    found.warnings += _check(found, root, empty)
    return found_dataset(root, found, kind, found.warnings)


@dataclass(slots=True)
class _Folders:
    """Reads folders; `empty` are the classes without an image."""

    root: Path
    found: Found = field(default_factory=Found)
    empty: list[str] = field(default_factory=list)

    def read(self) -> Found:
        """Everything below the root, counted."""
        images, ignored = scan(self.root)
        self.found.ignored.update(ignored)
        splits = [name for name in _SPLITS if (self.root / name).is_dir()]
        if "train" not in splits:
            self._cut(images)
            return self.found
        for split in splits:
            own = [path for path in images if path.startswith(f"{split}/")]
            getattr(self.found, _SPLITS[split]).extend(self._classed(own, split))
        self.found.ignored["outside train, val and test"] += sum(path.split("/", 1)[0] not in splits for path in images)
        return self.found

    def _classed(self, images: Sequence[str], split: str) -> list[ImageRecord]:
        """The images of a split with their class, the first folder below it."""
        depth = 1 if split else 0
        parts = [path.split("/") for path in images]
        records = [
            ImageRecord(path, names[depth], NO_CAMERA)
            for path, names in zip(images, parts, strict=True)
            if len(names) > depth + 1
        ]
        self.found.ignored["outside a class's folder"] += len(images) - len(records)
        full = {record.pid for record in records}
        folders = (path.name for path in sorted((self.root / split).iterdir()) if path.is_dir())
        self.empty += [f"{split}/{name}".lstrip("/") for name in folders if name not in full and name[0] != "."]
        return records

    def _cut(self, images: Sequence[str]) -> None:
        records = self._classed(images, "")
        held = set(held_shares(records, TEST_FRACTION, seed=_TEST_SEED).tolist())
        self.found.train = [record for index, record in enumerate(records) if index not in held]
        self.found.gallery = [records[index] for index in sorted(held)]
        if held:
            self.found.warnings.append(f"there is no test split: {len(held)} images were set aside as one")


def _check(found: Found, root: Path, empty: Sequence[str]) -> list[str]:
    """Warnings for a person. Raises DataError with every fault."""
    train, test = identities_of(found.train), identities_of(found.gallery)
    if not found.train or not found.gallery:
        counts = f"{len(found.train)} images to train on, {len(found.gallery)} to test on"
        hint = f"images lie in train/CLASS and test/CLASS (or val), in folders CLASS alone, or in a {MANIFEST}"
        code = "one-sided-split" if found.train or found.gallery else "no-images"
        raise DataError(_finding(code, counts, root, hint))
    faults = []
    if empty:
        message = f"{len(empty)} classes have no image: {examples(list(empty))}"
        faults.append(_finding("empty-class", message, root, "add images, or remove the folders"))
    if len(train) < 2:
        message = f"all {len(found.train)} training images are of one class, '{train[0]}'"
        faults.append(_finding("one-class", message, root, "a classifier needs two: add images of another"))
    unknown = [name for name in test if name not in train]
    if unknown:
        first = next(record.path for record in found.gallery if record.pid == unknown[0])
        message = f"{len(unknown)} classes are tested and not trained: {examples(unknown)} (as {first})"
        faults.append(_finding("unknown-class", message, root, "both splits have the same classes: check their names"))
    if faults:
        raise DataError(faults)
    absent = [name for name in train if name not in test]
    return [f"{len(absent)} classes have no test image: {examples(absent)}"] if absent else []


def _finding(code: str, message: str, root: Path, hint: str) -> Finding:
    return Finding(code, message, file=str(root), hint=hint, key="DATASETS.ROOT")
