"""Feature maps cut into horizontal stripes, for part-based models."""

from __future__ import annotations

import torch

from reid_core.errors import ConfigError, Finding

__all__ = ["stripes"]


def stripes(feature_map: torch.Tensor, count: int) -> tuple[torch.Tensor, ...]:
    """`count` stripes of (B, C, h, w) from top to bottom, as equal as rows allow. ConfigError when h < count.

    All are ceil(h / count) rows high and the last has the rest, as FastReID's; where that leaves none for the last
    (h = 4, count = 3), heights differ by at most one.
    """
    height = feature_map.shape[2]
    if height < count:
        raise ConfigError(
            Finding(
                "impossible",
                f"a feature map {height} rows high has no {count} stripes",
                hint="raise the height in INPUT.SIZE_TRAIN and SIZE_TEST, or lower MODEL.HEADS.PARTS (PCB)",
                key="INPUT.SIZE_TRAIN",
            )
        )
    parts = feature_map.chunk(count, dim=2)
    if len(parts) == count:
        return parts
    low, higher = divmod(int(height), count)  # as `tensor_split`, which a traced ONNX file has as a sequence
    return torch.split(feature_map, [low + 1] * higher + [low] * (count - higher), dim=2)
