"""Global pooling of feature maps by FastReID's names, and by attention: (B, C, H, W) -> (B, C, 1, 1)."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

import torch
from torch import nn

__all__ = ["GeneralizedMean", "GeneralizedMeanLearned", "Pool", "SoftmaxAttention", "make_pool"]


class Pool(StrEnum):
    """FastReID's spelling of `MODEL.HEADS.POOL_LAYER`; it has no SoftmaxAttention."""

    AVERAGE = "GlobalAvgPool"
    FAST_AVERAGE = "FastGlobalAvgPool"
    MAX = "GlobalMaxPool"
    AVERAGE_PLUS_MAX = "AdaptiveAvgMaxPool"
    CLIPPED_AVERAGE = "ClipGlobalAvgPool"
    GENERALIZED_MEAN = "GeneralizedMeanPooling"
    GENERALIZED_MEAN_LEARNED = "GeneralizedMeanPoolingP"
    FLATTEN = "Flatten"
    IDENTITY = "Identity"
    SOFTMAX_ATTENTION = "SoftmaxAttention"


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


class SoftmaxAttention(nn.Module):
    """Mean over the positions with learned weights: (B, C, H, W) -> (B, C, 1, 1).

    sum_i softmax(s)_i x_i over positions i, s_i = w . x_i: one score a position from a 1 x 1 convolution, without bias
    (softmax does not see it); w starts at 0, so that training starts from average pooling. The attention of Lin et
    al., "A Structured Self-attentive Sentence Embedding" (ICLR 2017), with one linear map for scores.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.score = nn.Conv2d(channels, 1, kernel_size=1, bias=False)
        nn.init.zeros_(self.score.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) -> (B, C, 1, 1)."""
        scores: torch.Tensor = self.score(x)
        weights = scores.flatten(2).softmax(dim=2)
        return (x.flatten(2) @ weights.transpose(1, 2))[..., None]


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


def make_pool(pool: Pool, channels: int | None = None) -> nn.Module:
    """The pooling module of that name; (B, C, 1, 1) from each but Flatten, (B, C*H*W, 1, 1), and Identity.

    `channels` is C, which only SoftmaxAttention needs to know.
    """
    if pool is not Pool.SOFTMAX_ATTENTION:
        return _POOLS[pool]()
    if channels is None:
        raise ValueError("SoftmaxAttention must be told the channels of its feature map")
    return SoftmaxAttention(channels)
