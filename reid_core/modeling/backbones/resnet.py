"""ResNet with IBN-a, squeeze-excitation and non-local blocks, keys and numbers as in FastReID."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeAlias

import torch
from torch import nn

from reid_core.modeling.backbones.initialization import initialize_convolutions
from reid_core.modeling.layers import InstanceBatchNorm, NonLocal, Norm, SqueezeExcite, make_norm

__all__ = ["ResNet", "ResNetDepth"]


class ResNetDepth(StrEnum):
    """FastReID's spelling of `MODEL.BACKBONE.DEPTH`."""

    R18 = "18x"
    R34 = "34x"
    R50 = "50x"
    R101 = "101x"
    R152 = "152x"


@dataclass(frozen=True, slots=True)
class _Plan:
    """Blocks a stage, whether they are bottlenecks, and how many of the last have a non-local block behind them."""

    blocks: tuple[int, int, int, int]
    bottleneck: bool
    non_local: tuple[int, int, int, int]


_PLANS = {
    ResNetDepth.R18: _Plan((2, 2, 2, 2), bottleneck=False, non_local=(0, 0, 0, 0)),
    ResNetDepth.R34: _Plan((3, 4, 6, 3), bottleneck=False, non_local=(0, 0, 0, 0)),
    ResNetDepth.R50: _Plan((3, 4, 6, 3), bottleneck=True, non_local=(0, 2, 3, 0)),
    ResNetDepth.R101: _Plan((3, 4, 23, 3), bottleneck=True, non_local=(0, 2, 9, 0)),
    ResNetDepth.R152: _Plan((3, 8, 36, 3), bottleneck=True, non_local=(0, 0, 0, 0)),
}


@dataclass(frozen=True, slots=True)
class _BlockOptions:
    norm: Norm
    with_ibn: bool
    with_se: bool


def _first_norm(channels: int, options: _BlockOptions) -> nn.Module:
    return InstanceBatchNorm(channels, options.norm) if options.with_ibn else make_norm(options.norm, channels)


def _shortcut(channels: int, out_channels: int, stride: int, norm: Norm) -> nn.Sequential | None:
    if stride == 1 and channels == out_channels:
        return None
    convolution = nn.Conv2d(channels, out_channels, kernel_size=1, stride=stride, bias=False)
    return nn.Sequential(convolution, make_norm(norm, out_channels))


class _BasicBlock(nn.Module):
    """Two 3 x 3 convolutions and a shortcut: (B, channels, H, W) -> (B, width, H / stride, W / stride)."""

    expansion = 1

    def __init__(self, channels: int, width: int, stride: int, options: _BlockOptions) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, kernel_size=3, stride=stride, padding=1, bias=False)
        self.bn1 = _first_norm(width, options)
        self.conv2 = nn.Conv2d(width, width, kernel_size=3, padding=1, bias=False)
        self.bn2 = make_norm(options.norm, width)
        self.relu = nn.ReLU(inplace=True)
        self.se = SqueezeExcite(width) if options.with_se else nn.Identity()
        self.downsample = _shortcut(channels, width, stride, options.norm)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.se(self.bn2(self.conv2(x)))
        x += shortcut
        y: torch.Tensor = self.relu(x)
        return y


class _Bottleneck(nn.Module):
    """1 x 1, 3 x 3 (strided), 1 x 1 convolutions and a shortcut: (B, channels, H, W) -> (B, 4 width, H / s, W / s)."""

    expansion = 4

    def __init__(self, channels: int, width: int, stride: int, options: _BlockOptions) -> None:
        super().__init__()
        out_channels = width * self.expansion
        self.conv1 = nn.Conv2d(channels, width, kernel_size=1, bias=False)
        self.bn1 = _first_norm(width, options)
        self.conv2 = nn.Conv2d(width, width, kernel_size=3, stride=stride, padding=1, bias=False)
        self.bn2 = make_norm(options.norm, width)
        self.conv3 = nn.Conv2d(width, out_channels, kernel_size=1, bias=False)
        self.bn3 = make_norm(options.norm, out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.se = SqueezeExcite(out_channels) if options.with_se else nn.Identity()
        self.downsample = _shortcut(channels, out_channels, stride, options.norm)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        x = self.se(self.bn3(self.conv3(x)))
        x += shortcut
        y: torch.Tensor = self.relu(x)
        return y


_Block: TypeAlias = type[_BasicBlock] | type[_Bottleneck]


class ResNet(nn.Module):
    """He et al., "Deep Residual Learning" (CVPR 2016), without pooling and classifier.

    (B, 3, H, W), normalised -> (B, feature_dim, H / 16, W / 16), or / 32 with `last_stride` 2. feature_dim is 512 up to
    depth 34, else 2048. IBN-a replaces the first normalisation of each block of layers 1 to 3. Non-local blocks
    follow the last blocks of layers 2 and 3 (depths 50 and 101 only, as in FastReID).
    """

    def __init__(
        self,
        depth: ResNetDepth = ResNetDepth.R50,
        *,
        last_stride: int = 1,
        norm: Norm = Norm.BATCH,
        with_ibn: bool = False,
        with_se: bool = False,
        with_nl: bool = False,
    ) -> None:
        super().__init__()
        plan = _PLANS[depth]
        block: _Block = _Bottleneck if plan.bottleneck else _BasicBlock
        self.feature_dim = 512 * block.expansion
        self.conv1 = nn.Conv2d(3, 64, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = make_norm(norm, 64)
        self.relu = nn.ReLU(inplace=True)
        # FastReID pools without padding and rounds the size up; torchvision pads instead: other numbers, same shape.
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=True)
        options = _BlockOptions(norm=norm, with_ibn=with_ibn, with_se=with_se)
        strides = (1, 2, 2, last_stride)
        non_local = plan.non_local if with_nl else (0, 0, 0, 0)
        stages = [
            _stage(block, stage, plan.blocks[stage], strides[stage], options, non_local[stage]) for stage in range(4)
        ]
        (self.layer1, self.NL_1), (self.layer2, self.NL_2) = stages[:2]
        (self.layer3, self.NL_3), (self.layer4, self.NL_4) = stages[2:]
        initialize_convolutions(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) -> (B, feature_dim, h, w)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = _run_stage(x, self.layer1, self.NL_1)
        x = _run_stage(x, self.layer2, self.NL_2)
        x = _run_stage(x, self.layer3, self.NL_3)
        return _run_stage(x, self.layer4, self.NL_4)


def _stage(
    block: _Block, stage: int, count: int, stride: int, options: _BlockOptions, non_local: int
) -> tuple[nn.Sequential, nn.ModuleList]:
    """The blocks of stage 0 to 3, and the non-local blocks that follow the last `non_local` of them."""
    width = 64 * 2**stage
    out_channels = width * block.expansion
    channels = 64 if stage == 0 else out_channels // 2
    options = replace(options, with_ibn=options.with_ibn and stage < 3)
    first = block(channels, width, stride, options)
    rest = [block(out_channels, width, 1, options) for _ in range(count - 1)]
    behind = nn.ModuleList(NonLocal(out_channels, options.norm) for _ in range(non_local))
    return nn.Sequential(first, *rest), behind


def _run_stage(x: torch.Tensor, layer: nn.Sequential, behind: nn.ModuleList) -> torch.Tensor:
    plain = len(layer) - len(behind)
    for index, block in enumerate(layer):
        x = block(x)
        if index >= plain:
            x = behind[index - plain](x)
    return x
