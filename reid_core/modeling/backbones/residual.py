"""What ResNet and ResNeXt are made of: residual blocks in four stages, with IBN, SE and non-local blocks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import torch
from torch import nn

from reid_core.modeling.backbones.initialization import initialize_convolutions
from reid_core.modeling.layers import IbnKind, InstanceBatchNorm, NonLocal, Norm, SqueezeExcite, make_norm

__all__ = ["BasicBlock", "Block", "BlockOptions", "Bottleneck", "Plan", "ResidualNet", "run_stage"]


@dataclass(frozen=True, slots=True)
class BlockOptions:
    """How a block of a given width is built.

    The 3 x 3 convolution of a bottleneck has `groups` groups, each `group_width` / 64 of the block's width; a basic
    block has no groups.
    """

    norm: Norm = Norm.BATCH
    ibn: IbnKind | None = None
    with_se: bool = False
    groups: int = 1
    group_width: int = 64


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions and a shortcut: (B, channels, H, W) -> (B, width, H / stride, W / stride)."""

    expansion = 1

    def __init__(self, channels: int, width: int, stride: int, options: BlockOptions) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, kernel_size=3, stride=stride, padding=1, bias=False)
        self.bn1 = _first_norm(width, options)
        self.conv2 = nn.Conv2d(width, width, kernel_size=3, padding=1, bias=False)
        self.bn2 = make_norm(options.norm, width)
        self.relu = nn.ReLU(inplace=True)
        self.se = SqueezeExcite(width) if options.with_se else nn.Identity()
        self.downsample = _shortcut(channels, width, stride, options.norm)
        self.IN = _sum_norm(width, options)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, channels, H, W) -> (B, width, H / stride, W / stride)."""
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.se(self.bn2(self.conv2(x)))
        return _join(x, shortcut, self.IN, self.relu)


class Bottleneck(nn.Module):
    """1 x 1, 3 x 3 (strided), 1 x 1 convolutions and a shortcut: (B, channels, H, W) -> (B, 4 width, H / s, W / s)."""

    expansion = 4

    def __init__(self, channels: int, width: int, stride: int, options: BlockOptions) -> None:
        super().__init__()
        groups, inner, out_channels = options.groups, _inner_width(width, options), width * self.expansion
        self.conv1 = nn.Conv2d(channels, inner, kernel_size=1, bias=False)
        self.bn1 = _first_norm(inner, options)
        self.conv2 = nn.Conv2d(inner, inner, kernel_size=3, stride=stride, padding=1, groups=groups, bias=False)
        self.bn2 = make_norm(options.norm, inner)
        self.conv3 = nn.Conv2d(inner, out_channels, kernel_size=1, bias=False)
        self.bn3 = make_norm(options.norm, out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.se = SqueezeExcite(out_channels) if options.with_se else nn.Identity()
        self.downsample = _shortcut(channels, out_channels, stride, options.norm)
        self.IN = _sum_norm(out_channels, options)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, channels, H, W) -> (B, 4 width, H / stride, W / stride)."""
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        x = self.se(self.bn3(self.conv3(x)))
        return _join(x, shortcut, self.IN, self.relu)


Block: TypeAlias = type[BasicBlock] | type[Bottleneck]


@dataclass(frozen=True, slots=True)
class Plan:
    """The blocks of the four stages, how many of a stage's last have a non-local block behind them, and IBN-a's reach.

    `ibn_a_stages`: IBN-a stands in the blocks of that many first stages.
    """

    blocks: tuple[int, int, int, int]
    block: Block = Bottleneck
    non_local: tuple[int, int, int, int] = (0, 2, 3, 0)
    ibn_a_stages: int = 3


class ResidualNet(nn.Module):
    """A stem (7 x 7 convolution, `maxpool`) and four stages of residual blocks, each twice as wide as the last.

    (B, 3, H, W), normalised -> (B, feature_dim, H / 16, W / 16), or / 32 with `last_stride` 2. IBN-a replaces the first
    normalisation of a block; IBN-b normalises each instance after the stem's convolution and after the last sum of
    stages 1 and 2 (Pan et al., "Two at Once", ECCV 2018, figure 3).
    """

    def __init__(
        self, plan: Plan, options: BlockOptions, *, maxpool: nn.MaxPool2d, last_stride: int, with_nl: bool
    ) -> None:
        super().__init__()
        self.feature_dim = 512 * plan.block.expansion
        self.conv1 = nn.Conv2d(3, 64, kernel_size=7, stride=2, padding=3, bias=False)
        ibn_b = options.ibn is IbnKind.B
        self.bn1 = nn.InstanceNorm2d(64, affine=True) if ibn_b else make_norm(options.norm, 64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = maxpool
        self.layer1 = _stage(plan, 0, 1, options)
        self.layer2 = _stage(plan, 1, 2, options)
        self.layer3 = _stage(plan, 2, 2, options)
        self.layer4 = _stage(plan, 3, last_stride, options)
        initialize_convolutions(self)
        # Built after that: as in FastReID, non-local blocks keep PyTorch's own initialisation.
        counts = plan.non_local if with_nl else (0, 0, 0, 0)
        self.NL_1, self.NL_2, self.NL_3, self.NL_4 = (
            nn.ModuleList(NonLocal(64 * 2**stage * plan.block.expansion, options.norm) for _ in range(count))
            for stage, count in enumerate(counts)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) -> (B, feature_dim, h, w)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = run_stage(x, self.layer1, self.NL_1)
        x = run_stage(x, self.layer2, self.NL_2)
        x = run_stage(x, self.layer3, self.NL_3)
        return run_stage(x, self.layer4, self.NL_4)


def run_stage(x: torch.Tensor, layer: nn.Sequential, behind: nn.ModuleList) -> torch.Tensor:
    """The blocks of `layer` in turn, each of the last ones followed by its non-local block of `behind`."""
    plain = len(layer) - len(behind)
    for index, block in enumerate(layer):
        x = block(x)
        if index >= plain:
            x = behind[index - plain](x)
    return x


def _stage(plan: Plan, stage: int, stride: int, options: BlockOptions) -> nn.Sequential:
    width = 64 * 2**stage
    out_channels = width * plan.block.expansion
    channels = 64 if stage == 0 else out_channels // 2
    count = plan.blocks[stage]
    blocks: list[nn.Module] = []
    for index in range(count):
        own = replace(options, ibn=_ibn_of_block(plan, options.ibn, stage, last=index == count - 1))
        first = index == 0
        blocks.append(plan.block(channels if first else out_channels, width, stride if first else 1, own))
    return nn.Sequential(*blocks)


def _ibn_of_block(plan: Plan, kind: IbnKind | None, stage: int, *, last: bool) -> IbnKind | None:
    match kind:
        case IbnKind.A if stage < plan.ibn_a_stages:
            return kind
        case IbnKind.B if stage < 2 and last:
            return kind
    return None


def _inner_width(width: int, options: BlockOptions) -> int:
    return width * options.group_width // 64 * options.groups


def _first_norm(channels: int, options: BlockOptions) -> nn.Module:
    return InstanceBatchNorm(channels, options.norm) if options.ibn is IbnKind.A else make_norm(options.norm, channels)


def _sum_norm(channels: int, options: BlockOptions) -> nn.InstanceNorm2d | None:
    return nn.InstanceNorm2d(channels, affine=True) if options.ibn is IbnKind.B else None


def _shortcut(channels: int, out_channels: int, stride: int, norm: Norm) -> nn.Sequential | None:
    if stride == 1 and channels == out_channels:
        return None
    convolution = nn.Conv2d(channels, out_channels, kernel_size=1, stride=stride, bias=False)
    return nn.Sequential(convolution, make_norm(norm, out_channels))


def _join(x: torch.Tensor, shortcut: torch.Tensor, norm: nn.Module | None, relu: nn.Module) -> torch.Tensor:
    x += shortcut
    y: torch.Tensor = relu(x if norm is None else norm(x))
    return y
