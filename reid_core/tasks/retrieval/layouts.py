"""How the data sets of instance retrieval lie in folders: CUB-200-2011, SOP, In-shop, and splits by class folders.

Classes are written as identities; nobody took the images with a numbered camera. Where one test set is asked for and
searched in, query and gallery are the same images.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from reid_core.data.checks import check
from reid_core.data.files import Found, scan
from reid_core.data.layouts.image_lists import ImageLists
from reid_core.data.layouts.recognise import found_dataset
from reid_core.data.records import NO_CAMERA, Dataset, ImageRecord, Layout, identities_of

__all__ = ["read_retrieval_set"]

_CUB_LISTS = ("images.txt", "image_class_labels.txt")
_CUB_TRAINED = 100  # Wah et al. 2011 has 200 classes; since Song et al. 2016 the first half is trained on
_SOP_LISTS = ("Ebay_train.txt", "Ebay_test.txt")
_IN_SHOP_LISTS = ("Eval/list_eval_partition.txt", "list_eval_partition.txt")
_IN_SHOP_IMAGES = ("Img/", "")
_NUMBER = re.compile(r"\d+")


def read_retrieval_set(root: Path, *, skip_bad: bool) -> Dataset | None:
    """The data set in `root`, without decoding an image; None where it is none of those told apart here.

    `skip_bad`: listed files that are missing are left out and counted. Raises DataError.
    """
    for name, fits, read in _READERS:
        if root.is_dir() and fits(root):
            found = read(root, skip_bad)
            warnings = check(found, str(root), no_cameras=True)
            return found_dataset(root, found, Layout.FOLDERS, (f"read as {name}", *found.warnings, *warnings))
    return None


def _is_cub(root: Path) -> bool:
    return all((root / name).is_file() for name in _CUB_LISTS)


def _read_cub(root: Path, skip_bad: bool) -> Found:
    """images.txt: `1 001.Albatross/file.jpg`, below images/; image_class_labels.txt: `1 1`."""
    lists = ImageLists(root, skip_bad=skip_bad)
    label_of = {words[0]: words[1] for _, words in _rows(lists, _CUB_LISTS[1], "an image and its class", 2)}
    for number, words in _rows(lists, _CUB_LISTS[0], "an image's number and file", 2):
        label = label_of.get(words[0], "")
        if _NUMBER.fullmatch(label) is None:
            lists.fault(_CUB_LISTS[0], number, f"image {words[0]} has no class number in {_CUB_LISTS[1]}")
            continue
        part = lists.found.train if int(label) <= _CUB_TRAINED else lists.found.gallery
        lists.add(part, ImageRecord(f"images/{words[1]}", str(int(label)), NO_CAMERA), _CUB_LISTS[0], number)
    return _everything_asks(lists.finish())


def _is_sop(root: Path) -> bool:
    return all((root / name).is_file() for name in _SOP_LISTS)


def _read_sop(root: Path, skip_bad: bool) -> Found:
    """Song et al. 2016, "Stanford Online Products": a header, then `image_id class_id super_class_id path`."""
    lists = ImageLists(root, skip_bad=skip_bad)
    for name, part in zip(_SOP_LISTS, (lists.found.train, lists.found.gallery), strict=True):
        for number, words in _rows(lists, name, "image_id class_id super_class_id path", 4):
            if words[0] == "image_id":
                continue
            lists.add(part, ImageRecord(words[3], words[1], NO_CAMERA), name, number)
    return _everything_asks(lists.finish())


def _in_shop_list(root: Path) -> str | None:
    return next((name for name in _IN_SHOP_LISTS if (root / name).is_file()), None)


def _is_in_shop(root: Path) -> bool:
    return _in_shop_list(root) is not None


def _read_in_shop(root: Path, skip_bad: bool) -> Found:
    """Liu et al. 2016, "DeepFashion": a count, a header, then `img/….jpg id_00000001 train|query|gallery`."""
    name = _in_shop_list(root) or _IN_SHOP_LISTS[0]
    lists = ImageLists(root, skip_bad=skip_bad)
    below = next((folder for folder in _IN_SHOP_IMAGES if (root / folder / "img").is_dir()), "")
    parts = {"train": lists.found.train, "query": lists.found.query, "gallery": lists.found.gallery}
    for number, words in _rows(lists, name, "an image, its item and train, query or gallery", 3, skip=2):
        if words[2] not in parts:
            lists.fault(name, number, f"'{words[2]}' is none of {', '.join(parts)}")
            continue
        lists.add(parts[words[2]], ImageRecord(f"{below}{words[0]}", words[1], NO_CAMERA), name, number)
    return lists.finish()


def _is_split(root: Path) -> bool:
    return all(any((root / part).glob("*/*")) for part in ("train", "test"))


def _read_split(root: Path, skip_bad: bool) -> Found:
    """train/CLASS/ and test/CLASS/. Where both hold the same classes, as Cars-196 comes, half of them are tested.

    That is the split by classes of Song et al. 2016: the first half in order is trained on, from both folders.
    """
    del skip_bad  # nothing is listed that could be missing
    images, ignored = scan(root)
    found = Found(ignored=ignored)
    records = {
        part: [ImageRecord(path, path.split("/")[1], NO_CAMERA) for path in images if _below(path, part)]
        for part in ("train", "test")
    }
    ignored["outside train/CLASS and test/CLASS"] += len(images) - sum(map(len, records.values()))
    trained, tested = ({record.pid for record in part} for part in records.values())
    if trained & tested:
        everything = [*records["train"], *records["test"]]
        classes = identities_of(everything)
        first = set(classes[: len(classes) // 2])
        found.train = [record for record in everything if record.pid in first]
        found.gallery = [record for record in everything if record.pid not in first]
        found.warnings.append(
            f"train/ and test/ show the same classes: the first {len(first)} are trained on, the others are tested"
        )
    else:
        found.train, found.gallery = records["train"], records["test"]
    return _everything_asks(found)


def _below(path: str, part: str) -> bool:
    return path.startswith(f"{part}/") and path.count("/") > 1


def _everything_asks(found: Found) -> Found:
    """Every test image asks for the others; both parts in the order of their paths."""
    for part in (found.train, found.gallery):
        part.sort(key=lambda record: record.path)
    found.query = list(found.gallery)
    return found


def _rows(lists: ImageLists, name: str, what: str, columns: int, *, skip: int = 0) -> Iterator[tuple[int, list[str]]]:
    """Lines of the list `name` with as many columns; one with another number is a fault. `skip` lines are heads."""
    for number, line in lists.lines(name):
        words = line.split(maxsplit=columns - 1)
        if number <= skip:
            continue
        if len(words) == columns:
            yield number, words
        else:
            lists.fault(name, number, f"'{line}' is not {what}")


_READERS: tuple[tuple[str, Callable[[Path], bool], Callable[[Path, bool], Found]], ...] = (
    ("CUB-200-2011", _is_cub, _read_cub),
    ("Stanford Online Products", _is_sop, _read_sop),
    ("In-shop", _is_in_shop, _read_in_shop),
    ("classes in train/ and test/", _is_split, _read_split),
)
