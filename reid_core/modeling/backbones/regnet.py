"""RegNet X and Y, keys and numbers as in FastReID."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import nn

from reid_core.modeling.backbones.initialization import initialize_convolutions
from reid_core.modeling.layers import BiasedSqueezeExcite, Norm, make_norm

__all__ = ["SIZES", "RegNet", "RegNetSize", "stages_of"]

_STEM_WIDTH = 32


@dataclass(frozen=True, slots=True)
class RegNetSize:
    """A point of the design space: the names of the paper's equations 2 to 4, and its group width."""

    depth: int
    w_0: int
    w_a: float
    w_m: float
    group_width: int
    with_se: bool = False


SIZES = {
    "200x": RegNetSize(13, 24, 36.44, 2.49, 8),
    "400x": RegNetSize(22, 24, 24.48, 2.54, 16),
    "800x": RegNetSize(16, 56, 35.73, 2.28, 16),
    "1600x": RegNetSize(18, 80, 34.01, 2.25, 24),
    "3200x": RegNetSize(25, 88, 26.31, 2.25, 48),
    "4000x": RegNetSize(23, 96, 38.65, 2.43, 40),
    "6400x": RegNetSize(17, 184, 60.83, 2.07, 56),
    "200y": RegNetSize(13, 24, 36.44, 2.49, 8, with_se=True),
    "400y": RegNetSize(16, 48, 27.89, 2.09, 8, with_se=True),
    "800y": RegNetSize(14, 56, 38.84, 2.4, 16, with_se=True),
    "1600y": RegNetSize(27, 48, 20.71, 2.65, 24, with_se=True),
    "3200y": RegNetSize(21, 80, 42.63, 2.66, 24, with_se=True),
    "4000y": RegNetSize(22, 96, 31.41, 2.24, 64, with_se=True),
    "6400y": RegNetSize(25, 112, 33.22, 2.27, 72, with_se=True),
}
"""FastReID's spelling of `MODEL.BACKBONE.DEPTH` for this family (megaflops, X or Y) -> the published model."""


def stages_of(size: RegNetSize) -> list[tuple[int, int]]:
    """(width, blocks) of each stage.

    Block j is to be w_0 + w_a j wide (equation 2); that is rounded to the nearest w_0 w_m^k (equations 3 and 4), to a
    multiple of 8, and to one of the group width. Blocks of the same width are a stage.
    """
    widths = []
    for block in range(size.depth):
        exponent = round(math.log((size.w_0 + size.w_a * block) / size.w_0) / math.log(size.w_m))
        widths.append(round(size.w_0 * size.w_m**exponent / 8) * 8)
    stages = [(width, len(list(blocks))) for width, blocks in groupby(widths)]
    return [(round(width / min(size.group_width, width)) * min(size.group_width, width), n) for width, n in stages]


class _Transform(nn.Sequential):
    """1 x 1, grouped 3 x 3 (strided), squeeze-excitation (Y), 1 x 1: (B, C, H, W) -> (B, width, H / s, W / s)."""

    def __init__(self, channels: int, width: int, stride: int, size: RegNetSize, norm: Norm) -> None:
        groups = width // min(size.group_width, width)
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        layers["a"] = nn.Conv2d(channels, width, 1, bias=False)
        layers["a_bn"] = make_norm(norm, width)
        layers["a_relu"] = nn.ReLU(inplace=True)
        layers["b"] = nn.Conv2d(width, width, 3, stride=stride, padding=1, groups=groups, bias=False)
        layers["b_bn"] = make_norm(norm, width)
        layers["b_relu"] = nn.ReLU(inplace=True)
        if size.with_se:
            inner = round(channels / 4)  # a quarter of the block's input, not of `width`
            layers["se"] = BiasedSqueezeExcite(width, inner, nn.ReLU(inplace=True))
        layers["c"] = nn.Conv2d(width, width, 1, bias=False)
        layers["c_bn"] = make_norm(norm, width)
        super().__init__(layers)


class _Block(nn.Module):
    """A transform and its shortcut: (B, channels, H, W) -> (B, width, H / stride, W / stride)."""

    def __init__(self, channels: int, width: int, stride: int, size: RegNetSize, norm: Norm) -> None:
        super().__init__()
        self.proj: nn.Conv2d | None = None
        if stride != 1 or channels != width:
            self.proj = nn.Conv2d(channels, width, 1, stride=stride, bias=False)
            self.bn = make_norm(norm, width)
        self.f = _Transform(channels, width, stride, size, norm)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shortcut = x if self.proj is None else self.bn(self.proj(x))
        x = self.f(x)
        x += shortcut
        y: torch.Tensor = self.relu(x)
        return y


class RegNet(nn.Module):
    """Radosavovic et al., "Designing Network Design Spaces" (CVPR 2020), without pooling and classifier.

    (B, 3, H, W), normalised -> (B, feature_dim, H / 16, W / 16), or / 32 with `last_stride` 2; feature_dim is the width
    of the last stage.
    """

    def __init__(self, size: RegNetSize, *, last_stride: int = 1, norm: Norm = Norm.BATCH) -> None:
        super().__init__()
        stem: OrderedDict[str, nn.Module] = OrderedDict()
        stem["conv"] = nn.Conv2d(3, _STEM_WIDTH, 3, stride=2, padding=1, bias=False)
        stem["bn"] = make_norm(norm, _STEM_WIDTH)
        stem["relu"] = nn.ReLU(inplace=True)
        self.stem = nn.Sequential(stem)
        channels = _STEM_WIDTH
        stages: list[nn.Sequential] = []
        for (width, count), stride in zip(stages_of(size), (2, 2, 2, last_stride), strict=True):
            blocks: OrderedDict[str, nn.Module] = OrderedDict()
            for index in range(count):
                blocks[f"b{index + 1}"] = _Block(channels, width, stride if index == 0 else 1, size, norm)
                channels = width
            stages.append(nn.Sequential(blocks))
        self.s1, self.s2, self.s3, self.s4 = stages
        self.feature_dim = channels
        initialize_convolutions(self, keep_biases=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) -> (B, feature_dim, h, w)."""
        y: torch.Tensor = self.s4(self.s3(self.s2(self.s1(self.stem(x)))))
        return y
