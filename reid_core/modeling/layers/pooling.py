"""Global pooling of feature maps by FastReID's names: (B, C, H, W) -> (B, C, 1, 1)."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

import torch
from torch import nn

__all__ = ["GeneralizedMean", "GeneralizedMeanLearned", "Pool", "make_pool"]


class Pool(StrEnum):
    """FastReID's spelling of `MODEL.HEADS.POOL_LAYER`."""

    AVERAGE = "GlobalAvgPool"
    FAST_AVERAGE = "FastGlobalAvgPool"
    MAX = "GlobalMaxPool"
    AVERAGE_PLUS_MAX = "AdaptiveAvgMaxPool"
    CLIPPED_AVERAGE = "ClipGlobalAvgPool"
    GENERALIZED_MEAN = "GeneralizedMeanPooling"
    GENERALIZED_MEAN_LEARNED = "GeneralizedMeanPoolingP"
    FLATTEN = "Flatten"
    IDENTITY = "Identity"


class _Average(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(dim=(2, 3), keepdim=True)


class _Max(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.adaptive_max_pool2d(x, 1)


class _AveragePlusMax(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(dim=(2, 3), keepdim=True) + nn.functional.adaptive_max_pool2d(x, 1)


class _ClippedAverage(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(dim=(2, 3), keepdim=True).clamp(0.0, 1.0)


class _Flatten(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1)[:, :, None, None]


class GeneralizedMean(nn.Module):
    """GeM, mean(x^p)^(1/p) over the positions, of Radenovic et al. (TPAMI 2018): (B, C, H, W) -> (B, C, 1, 1).

    p = 1 is average pooling and p -> infinity max pooling. Values below `floor` count as `floor`: the power of a
    negative number is not defined.
    """

    def __init__(self, p: float = 3.0, floor: float = 1e-6) -> None:
        super().__init__()
        self.p: float | nn.Parameter = float(p)
        self.floor = floor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) -> (B, C, 1, 1)."""
        return x.clamp(min=self.floor).pow(self.p).mean(dim=(2, 3), keepdim=True).pow(1.0 / self.p)


class GeneralizedMeanLearned(GeneralizedMean):
    """GeM with a learned exponent `p` (1,), FastReID's GeneralizedMeanPoolingP."""

    def __init__(self, p: float = 3.0, floor: float = 1e-6) -> None:
        super().__init__(p, floor)
        del self.p
        self.p = nn.Parameter(torch.full((1,), float(p)))


_POOLS: dict[Pool, Callable[[], nn.Module]] = {
    Pool.AVERAGE: _Average,
    Pool.FAST_AVERAGE: _Average,
    Pool.MAX: _Max,
    Pool.AVERAGE_PLUS_MAX: _AveragePlusMax,
    Pool.CLIPPED_AVERAGE: _ClippedAverage,
    Pool.GENERALIZED_MEAN: GeneralizedMean,
    Pool.GENERALIZED_MEAN_LEARNED: GeneralizedMeanLearned,
    Pool.FLATTEN: _Flatten,
    Pool.IDENTITY: nn.Identity,
}


def make_pool(pool: Pool) -> nn.Module:
    """The pooling module of that name; (B, C, 1, 1) from each but Flatten, (B, C*H*W, 1, 1), and Identity."""
    return _POOLS[pool]()
