"""Public data sets in their true folders and names, each with a handful of tiny images."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat

__all__ = [
    "MAKERS",
    "cuhk03",
    "dukemtmc",
    "images",
    "lines",
    "market1501",
    "msmt17",
    "occluded_duke",
    "occluded_reid",
    "partial_ilids",
    "partial_reid",
    "query_gallery",
    "vehicleid",
    "veri776",
    "veriwild",
]


def images(root: Path, names: Iterable[str]) -> Path:
    """One small image of a colour of its own for each name below `root`."""
    for number, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 16), (number * 37 % 256, number * 91 % 256, 128)).save(path)
    return root


def lines(path: Path, rows: Iterable[str]) -> None:
    """A text file of one row a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{row}\n" for row in rows))


def _bounding_boxes(root: Path, train: Iterable[str], query: Iterable[str], test: Iterable[str]) -> Path:
    images(root / "bounding_box_train", train)
    images(root / "query", query)
    images(root / "bounding_box_test", test)
    return root


def market1501(root: Path) -> Path:
    """Six identities to train on, two to test, a distractor and a junk image."""
    train = [f"{pid:04d}_c{cam}s1_{n:06d}_00.jpg" for pid in (2, 7, 10, 11, 12, 20) for cam in (1, 6) for n in (1, 2)]
    query = [f"{pid:04d}_c{cam}s1_000100_00.jpg" for pid in (1, 3) for cam in (1, 2)]
    test = [f"{pid:04d}_c{cam}s1_000200_01.jpg" for pid in (1, 3) for cam in (1, 2)]
    return _bounding_boxes(root, train, query, [*test, "0000_c3s2_000300_00.jpg", "-1_c1s1_000400_00.jpg"])


def dukemtmc(root: Path) -> Path:
    """Six identities to train on, two to test."""
    train = [f"{pid:04d}_c{cam}_f{46000 + n:07d}.jpg" for pid in range(1, 7) for cam in (2, 5) for n in (1, 2)]
    query = [f"{pid:04d}_c{cam}_f0051000.jpg" for pid in (5388, 7139) for cam in (1, 8)]
    test = [f"{pid:04d}_c{cam}_f0052000.jpg" for pid in (5388, 7139) for cam in (1, 8)]
    return _bounding_boxes(root, train, query, test)


def occluded_duke(root: Path) -> Path:
    """DukeMTMC-reID's folders and names, with lists beside them."""
    lines(root / "README.txt", ["Occluded-Duke"])
    return dukemtmc(root)


def veri776(root: Path) -> Path:
    """Four vehicles to train on, two to test, and the lists and labels that come with them."""
    images(root / "image_train", [f"{pid:04d}_c{cam:03d}_00016450_0.jpg" for pid in range(1, 5) for cam in (1, 20)])
    images(root / "image_query", [f"{pid:04d}_c{cam:03d}_00030600_0.jpg" for pid in (6, 9) for cam in (2, 3)])
    images(root / "image_test", [f"{pid:04d}_c{cam:03d}_00030700_0.jpg" for pid in (6, 9) for cam in (2, 3, 4)])
    lines(root / "name_train.txt", ["0001_c001_00016450_0.jpg"])
    return root


def msmt17(root: Path, version: int = 1) -> Path:
    """Three identities to train on (one image of each for validation), two to test; lists count both from 0."""
    train, test = ("train", "test") if version == 1 else ("mask_train_v2", "mask_test_v2")

    def name(pid: int, number: int, cam: int) -> str:
        return f"{pid:04d}/{pid:04d}_{number:03d}_{cam:02d}_0303morning_0008_{number}.jpg"

    rows = {
        "train": [(name(pid, cam, cam), pid) for pid in range(3) for cam in (1, 15)],
        "val": [(name(pid, 2, 2), pid) for pid in range(3)],
        "query": [(name(pid, 0, cam), pid) for pid in range(2) for cam in (3, 4)],
        "gallery": [(name(pid, 1, cam), pid) for pid in range(2) for cam in (3, 4)],
    }
    for split, found in rows.items():
        images(root / (train if split in {"train", "val"} else test), [path for path, _ in found])
        lines(root / f"list_{split}.txt", [f"{path} {pid}" for path, pid in found])
    return root


def cuhk03(root: Path, *, boxes: str = "labeled", split: str = "mat") -> Path:
    """Three identities to train on, two to test, in both kinds of boxes; split by the .mat or FastReID's JSON."""
    everybody = [(1, 1), (1, 2), (2, 7), (3, 4), (5, 843)]
    names = [f"{pair}_{who:03d}_{view}_{5 * view:02d}.png" for pair, who in everybody for view in (1, 2)]
    for kind in ("labeled", "detected"):
        images(root / f"images_{kind}", names)
    labels = [label for label in (1, 2, 3, 4, 5) for _ in (1, 2)]
    train, query, gallery = [0, 1, 2, 3, 4, 5], [6, 8], [7, 9]
    if split == "mat":
        config = {
            "train_idx": np.array(train)[:, None] + 1,
            "query_idx": np.array(query)[:, None] + 1,
            "gallery_idx": np.array(gallery)[:, None] + 1,
            "labels": np.array(labels, dtype=np.uint16)[:, None],
            "filelist": np.array([[name] for name in names], dtype=object),
        }
        savemat(root / f"cuhk03_new_protocol_config_{boxes}.mat", config)
        return root

    def rows(places: list[int], *, first: int) -> list[list[object]]:
        folder = f"/home/somebody/datasets/cuhk03/images_{boxes}"
        return [[f"{folder}/{names[place]}", labels[place] - first, place % 2] for place in places]

    written = {"train": rows(train, first=1), "query": rows(query, first=0), "gallery": rows(gallery, first=0)}
    (root / f"splits_new_{boxes}.json").write_text(json.dumps([written]))
    return root


def vehicleid(root: Path) -> Path:
    """Three vehicles to train on; test lists of two (800), three (1600, 2400) and four vehicles (13164)."""
    numbers = iter(range(1, 1000))
    own = {vehicle: [f"{next(numbers):07d}" for _ in range(3)] for vehicle in (1, 2, 3, 11, 12, 13, 14)}
    images(root / "image", [f"{number}.jpg" for vehicle in own for number in own[vehicle]])
    splits = root / "train_test_split"
    lines(splits / "train_list.txt", [f"{number} {vehicle}" for vehicle in (1, 2, 3) for number in own[vehicle]])
    for size, tested in ((800, (11, 12)), (1600, (11, 12, 13)), (2400, (11, 12, 13)), (13164, (11, 12, 13, 14))):
        rows = [f"{number} {vehicle}" for vehicle in tested for number in own[vehicle]]
        lines(splits / f"test_list_{size}.txt", rows)
    return root


def veriwild(root: Path) -> Path:
    """Three vehicles to train on; test lists of one (3000), two (5000) and three (10000) vehicles."""
    numbers = iter(range(1, 1000))
    own = {vehicle: [f"{vehicle:05d}/{next(numbers):06d}" for _ in range(3)] for vehicle in (1, 2, 3, 21, 22, 23)}
    images(root / "images", [f"{name}.jpg" for vehicle in own for name in own[vehicle]])
    splits = root / "train_test_split"
    info = [f"{name};{cam};2018-03-11 10:00:00;Audi A6;Sedan;White" for v in own for cam, name in enumerate(own[v], 7)]
    lines(splits / "vehicle_info.txt", ["id/image;Camera ID;Time;Model;Type;Color", *info])
    lines(splits / "train_list.txt", [f"{name}.jpg" for vehicle in (1, 2, 3) for name in own[vehicle]])
    for size, tested in ((3000, (21,)), (5000, (21, 22)), (10000, (21, 22, 23))):
        lines(splits / f"test_{size}_query.txt", [f"{own[vehicle][0]}.jpg" for vehicle in tested])
        lines(splits / f"test_{size}.txt", [f"{name}.jpg" for vehicle in tested for name in own[vehicle][1:]])
    return root


def partial_reid(root: Path) -> Path:
    """Two people: partial, occluded and whole images, counted alike in each folder."""
    for kind in ("partial", "occluded", "whole"):
        images(root / f"{kind}_body_images", [f"{pid:03d}_{n:03d}.jpg" for pid in (1, 2) for n in (1, 2)])
    return root


def occluded_reid(root: Path) -> Path:
    """Two people, a folder each: occluded and whole images."""
    for kind in ("occluded", "whole"):
        names = [f"{pid:03d}/{pid:03d}_{n:02d}.tif" for pid in (1, 2) for n in (1, 2)]
        images(root / f"{kind}_body_images", names)
    return root


def partial_ilids(root: Path) -> Path:
    """Two people, one image in each folder."""
    for folder in ("Probe", "Gallery"):
        images(root / folder, [f"{pid:03d}.jpg" for pid in (1, 2)])
    return root


def query_gallery(root: Path) -> Path:
    """FastReID's folders for Partial-iLIDS and Occluded-REID."""
    for folder in ("query", "gallery"):
        images(root / folder, [f"{pid}_{n}.jpg" for pid in (1, 2) for n in (1, 2)])
    return root


MAKERS: dict[str, Callable[[Path], Path]] = {
    "Market-1501-v15.09.15": market1501,
    "DukeMTMC-reID": dukemtmc,
    "Occluded_Duke": occluded_duke,
    "MSMT17_V2": lambda root: msmt17(root, 2),
    "cuhk03": cuhk03,
    "veri": veri776,
    "vehicleid": vehicleid,
    "VERI-Wild": veriwild,
    "Partial_REID": partial_reid,
    "PartialiLIDS": query_gallery,
    "OccludedREID": occluded_reid,
}
"""FastReID's folder names, each with what fills it."""
