"""IBN-a: instance normalisation on half of the channels, batch normalisation on the other half."""

from __future__ import annotations

from enum import StrEnum

import torch
from torch import nn

from reid_core.modeling.layers.norm import Norm, make_norm

__all__ = ["IbnKind", "InstanceBatchNorm"]


class IbnKind(StrEnum):
    """The spelling of `MODEL.BACKBONE.IBN_KIND`: a inside the blocks (FastReID's only one), b after their sum."""

    A = "a"
    B = "b"


class InstanceBatchNorm(nn.Module):
    """IBN-a of Pan et al., "Two at Once" (ECCV 2018): (B, C, H, W) -> (B, C, H, W).

    The first C // 2 channels are instance-normalised (`IN`), the rest go through `norm` (`BN`).
    """

    def __init__(self, channels: int, norm: Norm = Norm.BATCH) -> None:
        super().__init__()
        self.split = channels // 2  # not "half": nn.Module has a method of that name
        self.IN = nn.InstanceNorm2d(self.split, affine=True)
        self.BN = make_norm(norm, channels - self.split)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        return torch.cat((self.IN(x[:, : self.split]), self.BN(x[:, self.split :])), dim=1)
