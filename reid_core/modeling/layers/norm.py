"""Normalisation layers by FastReID's names."""

from __future__ import annotations

import math
from enum import StrEnum

from torch import nn

from reid_core.modeling.layers.sync_norm import SyncBatchNorm

__all__ = ["Norm", "make_norm"]


class Norm(StrEnum):
    """FastReID's spelling of `MODEL.BACKBONE.NORM` and `MODEL.HEADS.NORM`."""

    BATCH = "BN"
    SYNC_BATCH = "syncBN"
    GROUP = "GN"


def make_norm(norm: Norm, channels: int, *, bias_frozen: bool = False) -> nn.Module:
    """A normalisation of (B, C, H, W) with weight 1 and bias 0; `bias_frozen` keeps the bias at its value (BNNeck)."""
    layer: nn.BatchNorm2d | nn.SyncBatchNorm | nn.GroupNorm
    match norm:
        case Norm.BATCH:
            layer = nn.BatchNorm2d(channels)
        case Norm.SYNC_BATCH:
            layer = SyncBatchNorm(channels)
        case Norm.GROUP:
            layer = nn.GroupNorm(math.gcd(32, channels), channels)  # FastReID's 32, or what divides the channels
    layer.bias.requires_grad_(not bias_frozen)
    return layer
