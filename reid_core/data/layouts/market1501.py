"""Market-1501's layout, which DukeMTMC-reID and Occluded-Duke share: `0002_c1s1_000451_03.jpg` in three folders.

The name rule is FastReID's. Identity 0 marks distractors, which stay in the gallery: they are nobody's match.
"""

from __future__ import annotations

import re

from reid_core.data.layouts.named_folders import NamedFolders

__all__ = ["MARKET1501"]

MARKET1501 = NamedFolders(
    train="bounding_box_train",
    query="query",
    gallery="bounding_box_test",
    name=re.compile(r"([-\d]+)_c(\d+)"),
    example="0002_c1_000451.jpg (identity _c camera)",
    nobody=frozenset({"0"}),
)
