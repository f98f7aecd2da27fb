"""Whether a camera embedding has a row for each camera that is trained on."""

from __future__ import annotations

import numpy as np

from reid_core.config import Config
from reid_core.data.records import Labels
from reid_core.errors import ConfigError, Finding

__all__ = ["check_cameras"]


def check_cameras(config: Config, camids: Labels) -> None:
    """Refuse a MODEL.BACKBONE.SIE_CAMERAS too small for the training images' cameras (N,), negative where unknown.

    What is only measured may show other cameras: they get the mean of all rows (VisionTransformer).
    """
    rows = config.model.backbone.sie_cameras
    known = np.unique(camids[camids >= 0])
    if not rows or not known.size:
        return
    highest = int(known.max())
    needed = highest + 1 if known.min() == 0 else highest
    if needed <= rows:
        return
    raise ConfigError(
        Finding(
            "too-few-cameras",
            f"MODEL.BACKBONE.SIE_CAMERAS is {rows}, but the training images' cameras are numbered "
            f"{known.min()} to {highest}",
            hint=f"set it to {needed}",
            key="MODEL.BACKBONE.SIE_CAMERAS",
        )
    )
