"""MobileNetV3 Large and Small, keys and numbers as in FastReID."""

from __future__ import annotations

from enum import StrEnum

import torch
from torch import nn
from torch.nn import functional

from reid_core.modeling.backbones.channels import round_channels
from reid_core.modeling.backbones.initialization import initialize_convolutions
from reid_core.modeling.layers import Norm, make_norm

__all__ = ["MobileNetV3", "MobileNetV3Size"]


class MobileNetV3Size(StrEnum):
    """FastReID's spelling of `MODEL.BACKBONE.DEPTH` for this family."""

    LARGE = "Large"
    SMALL = "Small"


# kernel, expanded channels, output channels, squeeze-excitation, hard swish (else ReLU), stride: the paper's tables
_BLOCKS = {
    MobileNetV3Size.LARGE: (
        (3, 16, 16, False, False, 1),
        (3, 64, 24, False, False, 2),
        (3, 72, 24, False, False, 1),
        (5, 72, 40, True, False, 2),
        (5, 120, 40, True, False, 1),
        (5, 120, 40, True, False, 1),
        (3, 240, 80, False, True, 2),
        (3, 200, 80, False, True, 1),
        (3, 184, 80, False, True, 1),
        (3, 184, 80, False, True, 1),
        (3, 480, 112, True, True, 1),
        (3, 672, 112, True, True, 1),
        (5, 672, 160, True, True, 2),
        (5, 960, 160, True, True, 1),
        (5, 960, 160, True, True, 1),
    ),
    MobileNetV3Size.SMALL: (
        (3, 16, 16, True, False, 2),
        (3, 72, 24, False, False, 2),
        (3, 88, 24, False, False, 1),
        (5, 96, 40, True, True, 2),
        (5, 240, 40, True, True, 1),
        (5, 240, 40, True, True, 1),
        (5, 120, 48, True, True, 1),
        (5, 144, 48, True, True, 1),
        (5, 288, 96, True, True, 2),
        (5, 576, 96, True, True, 1),
        (5, 576, 96, True, True, 1),
    ),
}
_STEM_WIDTH = 16
_FEATURE_DIM = {MobileNetV3Size.LARGE: 1280, MobileNetV3Size.SMALL: 1024}


class _Convolution(nn.Sequential):
    """Convolution, norm and, where there is one, activation: (B, channels, H, W) -> (B, out_channels, H / s, W / s)."""

    def __init__(
        self,
        channels: int,
        out_channels: int,
        kernel_size: int,
        norm: Norm,
        activation: nn.Module | None = None,
        *,
        stride: int = 1,
        groups: int = 1,
    ) -> None:
        padding = kernel_size // 2
        convolution = nn.Conv2d(
            channels, out_channels, kernel_size, stride=stride, padding=padding, groups=groups, bias=False
        )
        layers = [convolution, make_norm(norm, out_channels)]
        super().__init__(*layers, *([] if activation is None else [activation]))


class _SqueezeExcite(nn.Module):
    """(B, C, H, W) -> (B, C, H, W), each channel scaled by its own factor in [0, 1]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = round_channels(channels // 4)
        self.fc1 = nn.Conv2d(channels, inner, 1)
        self.fc2 = nn.Conv2d(inner, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner = functional.relu(self.fc1(x.mean(dim=(2, 3), keepdim=True)))
        return x * functional.hardsigmoid(self.fc2(inner))


class _InvertedResidual(nn.Module):
    def __init__(self, channels: int, block: tuple[int, int, int, bool, bool, int], norm: Norm) -> None:
        super().__init__()
        kernel_size, hidden, out_channels, with_se, hard_swish, stride = block
        activation = nn.Hardswish if hard_swish else nn.ReLU
        self.identity = stride == 1 and channels == out_channels
        layers: list[nn.Module] = []
        if hidden != channels:
            layers.append(_Convolution(channels, hidden, 1, norm, activation(inplace=True)))
        depthwise = _Convolution(
            hidden, hidden, kernel_size, norm, activation(inplace=True), stride=stride, groups=hidden
        )
        layers.append(depthwise)
        if with_se:
            layers.append(_SqueezeExcite(hidden))
        layers.append(_Convolution(hidden, out_channels, 1, norm))
        self.block = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.block(x)
        return x + y if self.identity else y


class MobileNetV3(nn.Module):
    """Howard et al., "Searching for MobileNetV3" (ICCV 2019), without pooling and classifier.

    (B, 3, H, W), normalised -> (B, feature_dim, H / 32, W / 32); feature_dim is 1280 (Large) or 1024 (Small). As in
    FastReID, the paper's last layer is a convolution before the pooling, with norm and ReLU6.
    """

    def __init__(self, size: MobileNetV3Size = MobileNetV3Size.LARGE, norm: Norm = Norm.BATCH) -> None:
        super().__init__()
        channels = _STEM_WIDTH
        layers: list[nn.Module] = [_Convolution(3, channels, 3, norm, nn.Hardswish(inplace=True), stride=2)]
        for block in _BLOCKS[size]:
            layers.append(_InvertedResidual(channels, block, norm))
            channels = block[2]
        layers.append(_Convolution(channels, 6 * channels, 1, norm, nn.Hardswish(inplace=True)))
        self.features = nn.Sequential(*layers)
        self.feature_dim = _FEATURE_DIM[size]
        self.conv = _Convolution(6 * channels, self.feature_dim, 1, norm, nn.ReLU6(inplace=True))
        initialize_convolutions(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) -> (B, feature_dim, h, w)."""
        y: torch.Tensor = self.conv(self.features(x))
        return y
