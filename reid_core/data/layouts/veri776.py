"""VeRi-776 (Liu et al. 2016): three folders of vehicles, names as in `0002_c003_00030600_0.jpg`."""

from __future__ import annotations

import re

from reid_core.data.layouts.named_folders import NamedFolders

__all__ = ["VERI776"]

VERI776 = NamedFolders(
    train="image_train",
    query="image_query",
    gallery="image_test",
    name=re.compile(r"(\d+)_c(\d+)"),
    example="0002_c003_00030600_0.jpg (identity _c camera)",
)
