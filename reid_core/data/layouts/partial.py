"""People of whom a part is seen, to be found among whole ones. There is nothing to train on.

Partial-REID (Zheng et al. 2015), Occluded-REID (Zhuo et al. 2018), Partial-iLIDS (He et al. 2018). The number after
the identity counts an identity's images. FastReID takes it for a camera and so drops right answers that have the same
number; here, as in the papers, partial images are one camera and whole ones another.
"""

from __future__ import annotations

import re

from reid_core.data.layouts.named_folders import NamedFolders

__all__ = ["OCCLUDED_REID", "PARTIAL_ILIDS", "PARTIAL_REID", "QUERY_GALLERY"]


def _folders(query: str, gallery: str) -> NamedFolders:
    return NamedFolders("", query, gallery, re.compile(r"(\d+)"), "001_003.jpg (the identity first)")


PARTIAL_REID = _folders("partial_body_images", "whole_body_images")
OCCLUDED_REID = _folders("occluded_body_images", "whole_body_images")
PARTIAL_ILIDS = _folders("Probe", "Gallery")
QUERY_GALLERY = _folders("query", "gallery")
"""How FastReID expects PartialiLIDS and OccludedREID."""
