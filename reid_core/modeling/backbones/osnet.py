"""OSNet and OSNet-AIN, keys and numbers as in FastReID and torchreid."""

from __future__ import annotations

import torch
from torch import nn

from reid_core.modeling.backbones.initialization import initialize_convolutions
from reid_core.modeling.backbones.osnet_blocks import Block, BlockAin, Convolution
from reid_core.modeling.layers import Norm

__all__ = ["WIDTHS", "OSNet", "OSNetAin"]

WIDTHS = {
    "x1_0": (64, 256, 384, 512),
    "x0_75": (48, 192, 288, 384),
    "x0_5": (32, 128, 192, 256),
    "x0_25": (16, 64, 96, 128),
}
"""FastReID's spelling of `MODEL.BACKBONE.DEPTH` for this family -> channels of the stem and of the three stages."""


class OSNet(nn.Module):
    """Zhou et al., "Omni-Scale Feature Learning" (ICCV 2019), without pooling and classifier.

    (B, 3, H, W), normalised -> (B, feature_dim, H / 16, W / 16); `widths` is one of `WIDTHS`, feature_dim its last.
    With IBN the stem is normalised by instances, and so is the sum of each block of the first stage.
    """

    def __init__(self, widths: tuple[int, int, int, int], *, norm: Norm = Norm.BATCH, with_ibn: bool = False) -> None:
        super().__init__()
        stem, first, second, third = widths
        self.feature_dim = third
        self.conv1 = Convolution(3, stem, 7, norm, stride=2, instance=with_ibn)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.conv2 = nn.Sequential(
            Block(stem, first, norm, with_in=with_ibn), Block(first, first, norm, with_in=with_ibn), _half(first, norm)
        )
        self.conv3 = nn.Sequential(Block(first, second, norm), Block(second, second, norm), _half(second, norm))
        self.conv4 = nn.Sequential(Block(second, third, norm), Block(third, third, norm))
        self.conv5 = Convolution(third, third, 1, norm)
        initialize_convolutions(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) -> (B, feature_dim, h, w)."""
        x = self.conv2(self.maxpool(self.conv1(x)))
        y: torch.Tensor = self.conv5(self.conv4(self.conv3(x)))
        return y


class OSNetAin(nn.Module):
    """Zhou et al., "Learning Generalisable Omni-Scale Representations" (TPAMI 2021), without pooling and classifier.

    (B, 3, H, W), normalised -> (B, feature_dim, H / 16, W / 16); `widths` is one of `WIDTHS`, feature_dim its last.
    Instance normalisation stands in the stem and inside the residual of four of the six blocks, where the paper's
    search put it (figure 4). The keys are torchreid's osnet_ain's.
    """

    def __init__(self, widths: tuple[int, int, int, int], *, norm: Norm = Norm.BATCH) -> None:
        super().__init__()
        stem, first, second, third = widths
        self.feature_dim = third
        self.conv1 = Convolution(3, stem, 7, norm, stride=2, instance=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.conv2 = nn.Sequential(
            BlockAin(stem, first, norm, with_in=True), BlockAin(first, first, norm, with_in=True)
        )
        self.pool2 = _half(first, norm)
        self.conv3 = nn.Sequential(
            BlockAin(first, second, norm, with_in=False), BlockAin(second, second, norm, with_in=True)
        )
        self.pool3 = _half(second, norm)
        self.conv4 = nn.Sequential(
            BlockAin(second, third, norm, with_in=True), BlockAin(third, third, norm, with_in=False)
        )
        self.conv5 = Convolution(third, third, 1, norm)
        initialize_convolutions(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) -> (B, feature_dim, h, w)."""
        x = self.pool2(self.conv2(self.maxpool(self.conv1(x))))
        x = self.pool3(self.conv3(x))
        y: torch.Tensor = self.conv5(self.conv4(x))
        return y


def _half(channels: int, norm: Norm) -> nn.Sequential:
    return nn.Sequential(Convolution(channels, channels, 1, norm), nn.AvgPool2d(2, stride=2))
