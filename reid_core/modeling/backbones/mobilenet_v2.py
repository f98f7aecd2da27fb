"""MobileNetV2, keys and numbers as in FastReID."""

from __future__ import annotations

import torch
from torch import nn

from reid_core.modeling.backbones.channels import round_channels
from reid_core.modeling.backbones.initialization import initialize_convolutions
from reid_core.modeling.layers import Norm, make_norm

__all__ = ["WIDTHS", "MobileNetV2"]

WIDTHS = {"1.0x": 1.0, "0.75x": 0.75, "0.5x": 0.5, "0.35x": 0.35, "0.25x": 0.25, "0.1x": 0.1}
"""FastReID's spelling of `MODEL.BACKBONE.DEPTH` for this family -> width multiplier."""

# expansion, output channels, blocks, stride of the first block: table 2 of the paper
_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def _convolution(
    channels: int, out_channels: int, kernel_size: int, norm: Norm, *, stride: int = 1, groups: int = 1
) -> list[nn.Module]:
    padding = kernel_size // 2
    convolution = nn.Conv2d(
        channels, out_channels, kernel_size, stride=stride, padding=padding, groups=groups, bias=False
    )
    return [convolution, make_norm(norm, out_channels)]


class _InvertedResidual(nn.Module):
    def __init__(self, channels: int, out_channels: int, stride: int, expansion: int, norm: Norm) -> None:
        super().__init__()
        hidden = channels * expansion
        self.identity = stride == 1 and channels == out_channels
        layers: list[nn.Module] = []
        if expansion != 1:
            layers += [*_convolution(channels, hidden, 1, norm), nn.ReLU6(inplace=True)]
        layers += [*_convolution(hidden, hidden, 3, norm, stride=stride, groups=hidden), nn.ReLU6(inplace=True)]
        layers += _convolution(hidden, out_channels, 1, norm)
        self.conv = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.conv(x)
        return x + y if self.identity else y


class MobileNetV2(nn.Module):
    """Sandler et al., "MobileNetV2" (CVPR 2018), without pooling and classifier.

    (B, 3, H, W), normalised -> (B, feature_dim, H / 32, W / 32); feature_dim is 1280 for every width up to 1.
    """

    def __init__(self, width: float = 1.0, norm: Norm = Norm.BATCH) -> None:
        super().__init__()
        divisor = 4 if width == 0.1 else 8
        channels = round_channels(32 * width, divisor)
        stem = nn.Sequential(*_convolution(3, channels, 3, norm, stride=2), nn.ReLU6(inplace=True))
        layers: list[nn.Module] = [stem]
        for expansion, base, count, stride in _STAGES:
            out_channels = round_channels(base * width, divisor)
            for index in range(count):
                layers.append(_InvertedResidual(channels, out_channels, stride if index == 0 else 1, expansion, norm))
                channels = out_channels
        self.features = nn.Sequential(*layers)
        self.feature_dim = round_channels(1280 * max(width, 1.0), divisor)
        self.conv = nn.Sequential(*_convolution(channels, self.feature_dim, 1, norm), nn.ReLU6(inplace=True))
        initialize_convolutions(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) -> (B, feature_dim, h, w)."""
        y: torch.Tensor = self.conv(self.features(x))
        return y
