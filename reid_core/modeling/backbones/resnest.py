"""ResNeSt, keys and numbers as in FastReID."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import nn

from reid_core.modeling.backbones.initialization import initialize_convolutions
from reid_core.modeling.layers import Norm, make_norm

__all__ = ["ResNeSt", "ResNeStDepth"]


class ResNeStDepth(StrEnum):
    """FastReID's spelling of `MODEL.BACKBONE.DEPTH`."""

    S50 = "50x"
    S101 = "101x"
    S200 = "200x"
    S269 = "269x"


@dataclass(frozen=True, slots=True)
class _Plan:
    blocks: tuple[int, int, int, int]
    stem_width: int


_PLANS = {
    ResNeStDepth.S50: _Plan((3, 4, 6, 3), 32),
    ResNeStDepth.S101: _Plan((3, 4, 23, 3), 64),
    ResNeStDepth.S200: _Plan((3, 24, 36, 3), 64),
    ResNeStDepth.S269: _Plan((3, 30, 48, 8), 64),
}


class _SplitAttention(nn.Module):
    """A 3 x 3 convolution in two halves (radix 2) and their mixture, channel by channel: (B, C, H, W) -> same shape."""

    def __init__(self, channels: int, dilation: int, norm: Norm) -> None:
        super().__init__()
        inner = max(channels // 2, 32)
        self.conv = nn.Conv2d(channels, 2 * channels, 3, padding=dilation, dilation=dilation, groups=2, bias=False)
        self.bn0 = make_norm(norm, 2 * channels)
        self.relu = nn.ReLU(inplace=True)
        self.fc1 = nn.Conv2d(channels, inner, 1)
        # Groups of one value would normalise to nothing: FastReID has them here, this is one group of all channels.
        self.bn1 = nn.GroupNorm(1, inner) if norm is Norm.GROUP else make_norm(norm, inner)
        self.fc2 = nn.Conv2d(inner, 2 * channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first, second = self.relu(self.bn0(self.conv(x))).chunk(2, dim=1)
        pooled = first.mean(dim=(2, 3), keepdim=True) + second.mean(dim=(2, 3), keepdim=True)
        scores = self.fc2(self.relu(self.bn1(self.fc1(pooled))))
        to_first, to_second = scores.chunk(2, dim=1)
        # The softmax of two scores is the sigmoid of their difference.
        share = torch.sigmoid(to_first - to_second).to(first.dtype)
        return torch.lerp(second, first, share)


class _Bottleneck(nn.Module):
    """1 x 1, split attention, 1 x 1: (B, channels, H, W) -> (B, 4 width, H / stride, W / stride).

    The first block of layers 2 to 4 averages 3 x 3 after the attention, with its stride, even where that is 1.
    """

    def __init__(
        self, channels: int, width: int, norm: Norm, *, stride: int = 1, dilation: int = 1, averaged: bool = False
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = make_norm(norm, width)
        self.conv2 = _SplitAttention(width, dilation, norm)
        self.average = nn.AvgPool2d(3, stride, padding=1) if averaged else nn.Identity()
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = make_norm(norm, 4 * width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(channels, 4 * width, stride, norm)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.average(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        x = self.bn3(self.conv3(x))
        x += shortcut
        y: torch.Tensor = self.relu(x)
        return y


class ResNeSt(nn.Module):
    """Zhang et al., "ResNeSt: Split-Attention Networks" (CVPRW 2022), without pooling and classifier.

    (B, 3, H, W), normalised -> (B, 2048, H / 16, W / 16), or / 32 with `last_stride` 2. Deep stem, averaging in front
    of the shortcuts' convolutions, radix 2, one group. With `last_stride` 1 FastReID dilates layer 4 behind its first
    block by 2. Its ResNeSt has no IBN, squeeze-excitation or non-local blocks.
    """

    def __init__(
        self, depth: ResNeStDepth = ResNeStDepth.S50, *, last_stride: int = 1, norm: Norm = Norm.BATCH
    ) -> None:
        super().__init__()
        plan = _PLANS[depth]
        stem, channels = plan.stem_width, 2 * plan.stem_width
        self.feature_dim = 2048
        self.conv1 = nn.Sequential(
            nn.Conv2d(3, stem, 3, stride=2, padding=1, bias=False),
            make_norm(norm, stem),
            nn.ReLU(inplace=True),
            nn.Conv2d(stem, stem, 3, padding=1, bias=False),
            make_norm(norm, stem),
            nn.ReLU(inplace=True),
            nn.Conv2d(stem, channels, 3, padding=1, bias=False),
        )
        self.bn1 = make_norm(norm, channels)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        dilation = 2 if last_stride == 1 else 1
        self.layer1 = _stage(channels, 64, plan.blocks[0], norm, averaged=False)
        self.layer2 = _stage(256, 128, plan.blocks[1], norm, stride=2)
        self.layer3 = _stage(512, 256, plan.blocks[2], norm, stride=2)
        self.layer4 = _stage(1024, 512, plan.blocks[3], norm, stride=last_stride, dilation=dilation)
        initialize_convolutions(self, keep_biases=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) -> (B, 2048, h, w)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        y: torch.Tensor = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return y


def _stage(
    channels: int, width: int, count: int, norm: Norm, *, stride: int = 1, dilation: int = 1, averaged: bool = True
) -> nn.Sequential:
    first = _Bottleneck(channels, width, norm, stride=stride, averaged=averaged)
    return nn.Sequential(first, *(_Bottleneck(4 * width, width, norm, dilation=dilation) for _ in range(count - 1)))


def _shortcut(channels: int, out_channels: int, stride: int, norm: Norm) -> nn.Sequential | None:
    if stride == 1 and channels == out_channels:
        return None
    average = nn.AvgPool2d(stride, stride, ceil_mode=True, count_include_pad=False) if stride > 1 else nn.Identity()
    convolution = nn.Conv2d(channels, out_channels, kernel_size=1, bias=False)
    return nn.Sequential(average, convolution, make_norm(norm, out_channels))
