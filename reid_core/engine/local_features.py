"""Parts of images as features of their own: what deep spatial reconstruction compares instead of whole embeddings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from reid_core.data.loader import EvalBatch
from reid_core.engine.compute import Compute
from reid_core.engine.embedding import evaluation_mode
from reid_core.errors import ConfigError, Finding
from reid_core.modeling import Architecture

__all__ = ["local_features", "pyramid"]

_WINDOWS = (2, 4, 6, 8)


def local_features(
    model: Architecture, batches: Iterable[EvalBatch], compute: Compute, *, flip: bool = False
) -> Iterator[tuple[slice, npt.NDArray[np.float32]]]:
    """Yield (positions, local features (b, m, C)) of batches of images, in their order; `pyramid` of the feature map.

    With `flip`, of the sum of the map and the mirror image's, mirrored back. Leaves the model in the mode it was in.
    Raises ConfigError when the model's map has a single cell.
    """
    start = 0
    for batch in batches:
        images = compute.images(batch.images)
        camids = None if batch.camids is None else batch.camids.to(compute.device)
        with evaluation_mode(model), torch.inference_mode(), compute.autocast():
            maps = model.feature_map(images, camids)
            if flip:
                maps = maps + model.feature_map(images.flip(3), camids).flip(3)
            _check(maps)
            rows = pyramid(maps.float()).cpu().numpy()
        yield slice(start, start + len(rows)), rows
        start += len(rows)


def pyramid(maps: torch.Tensor) -> torch.Tensor:
    """Maps (B, C, h, w) -> (B, m, C): maxima over windows of 2, 4, 6 and 8 cells a side, two cells apart.

    FastReID's PartialReID project. Windows that do not fit are left out; a map that none fits is taken cell by cell.
    """
    fitting = [window for window in _WINDOWS if window <= min(maps.shape[2:])] or [1]
    pooled = [F.max_pool2d(maps, window, stride=min(window, 2)) for window in fitting]
    return torch.cat([level.flatten(2) for level in pooled], dim=2).transpose(1, 2)


def _check(maps: torch.Tensor) -> None:
    if maps.ndim != 4 or maps.shape[2] * maps.shape[3] == 1:
        raise ConfigError(
            Finding(
                "impossible",
                "TEST.METRIC dsr compares parts of a feature map, and this model's map is a single cell",
                hint="raise INPUT.SIZE_TEST, or choose another backbone or metric",
                key="TEST.METRIC",
            )
        )
