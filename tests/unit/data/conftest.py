"""Tiny data sets of every layout, made of files that hold one colour each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from true_layouts import images

from reid_core.data.records import ImageRecord

MakeImages = Callable[[Path, Iterable[str]], Path]


@pytest.fixture
def make_images() -> MakeImages:
    """Write small images under a folder; returns the folder."""
    return images


@pytest.fixture
def market(tmp_path: Path) -> Path:
    """Market-1501's layout: six identities to train on, two to test, two cameras, two images in each."""
    names = [f"bounding_box_train/{pid:04d}_c{cam}s1_{n}.png" for pid in range(1, 7) for cam in (1, 2) for n in (1, 2)]
    names += [f"query/{pid:04d}_c{cam}s1_1.png" for pid in (11, 12) for cam in (1, 2)]
    names += [f"bounding_box_test/{pid:04d}_c{cam}s1_2.png" for pid in (11, 12) for cam in (1, 2)]
    return images(tmp_path / "market", names)


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """A manifest.csv with four identities to train on and two to test."""
    rows = [("train", pid, cam) for pid in ("ann", "bob", "cy", "di") for cam in (1, 2)]
    rows += [(split, pid, cam) for split in ("query", "gallery") for pid in ("x1", "x2") for cam in (1, 2)]
    root = tmp_path / "manifest"
    lines = [(f"img/{split}-{pid}-{cam}.png", pid, cam, split) for split, pid, cam in rows]
    images(root, [line[0] for line in lines])
    text = "\n".join(",".join(map(str, line)) for line in lines)
    (root / "manifest.csv").write_text(f"file,pid,camid,split\n{text}\n")
    return root


@pytest.fixture
def records() -> tuple[ImageRecord, ...]:
    """Ten identities with three images in each of two cameras, and one identity that only one camera saw."""
    seen = [(str(pid), cam, shot) for pid in range(1, 11) for cam in (1, 2) for shot in range(3)]
    seen += [("99", 1, shot) for shot in range(3)]
    return tuple(ImageRecord(f"{pid}_c{cam}_{shot}.png", pid, cam) for pid, cam, shot in seen)
