"""Which files lie below a folder: images in sorted order, and everything else counted by reason."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from reid_core.data.records import ImageRecord

__all__ = ["IMAGE_SUFFIXES", "Found", "Ignored", "examples", "scan"]

IMAGE_SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"})

Ignored: TypeAlias = Counter[str]
"""Files left out, by reason."""


@dataclass(slots=True)
class Found:
    """What one layout's reader hands on: records by split, sorted by path, and what it left out.

    `extra` and `nobody` are as in Dataset.
    """

    train: list[ImageRecord] = field(default_factory=list)
    query: list[ImageRecord] = field(default_factory=list)
    gallery: list[ImageRecord] = field(default_factory=list)
    extra: list[ImageRecord] = field(default_factory=list)
    nobody: frozenset[str] = frozenset()
    ignored: Ignored = field(default_factory=Counter)
    warnings: list[str] = field(default_factory=list)


def scan(root: Path, folder: str = "") -> tuple[list[str], Ignored]:
    """Images below `root / folder` as sorted paths relative to `root`, and the other files counted."""
    images: list[str] = []
    ignored: Ignored = Counter()
    seen: set[str] = set()
    for place, folders, names in os.walk(root / folder, followlinks=True):
        real = os.path.realpath(place)
        folders[:] = sorted(name for name in folders if not name.startswith(".")) if real not in seen else []
        if real in seen:  # a link back up: every image once is enough
            continue
        seen.add(real)
        for name in sorted(names):
            path = Path(place, name)
            if name.startswith("."):
                ignored["hidden file"] += 1
            elif path.suffix.lower() not in IMAGE_SUFFIXES:
                ignored["not an image"] += 1
            else:
                images.append(path.relative_to(root).as_posix())
    return sorted(images), ignored


def examples(paths: list[str], limit: int = 3) -> str:
    """The first few of many, for a message."""
    more = f", … ({len(paths) - limit} more)" if len(paths) > limit else ""
    return ", ".join(paths[:limit]) + more
