"""EfficientNet B0 to B5, keys and numbers as in FastReID, and Lite0."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from reid_core.modeling.backbones.channels import round_channels
from reid_core.modeling.backbones.initialization import initialize_convolutions
from reid_core.modeling.layers import BiasedSqueezeExcite, Norm, make_norm

__all__ = ["SIZES", "EfficientNet", "EfficientNetSize"]


@dataclass(frozen=True, slots=True)
class EfficientNetSize:
    """How B0 is scaled: its channels by `width`, the blocks of its stages by `depth` (equation 3 of the paper).

    `lite`: the form for phones of TensorFlow's repository: no squeeze-excitation, ReLU6, stem and end of B0; padded as
    TensorFlow does, and with its epsilon, so that its weights mean the same here.
    """

    width: float = 1.0
    depth: float = 1.0
    lite: bool = False


SIZES = {
    "b0": EfficientNetSize(1.0, 1.0),
    "b1": EfficientNetSize(1.0, 1.1),
    "b2": EfficientNetSize(1.1, 1.2),
    "b3": EfficientNetSize(1.2, 1.4),
    "b4": EfficientNetSize(1.4, 1.8),
    "b5": EfficientNetSize(1.6, 2.2),
    "lite0": EfficientNetSize(1.0, 1.0, lite=True),
}
"""`MODEL.BACKBONE.DEPTH` for this family: FastReID's spellings, and `lite0` -> the published model."""

# expansion, kernel, stride of the first block, output channels, blocks: table 1 of the paper
_STAGES = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)
_STEM_WIDTH, _HEAD_WIDTH = 32, 1280
_TENSORFLOW_EPSILON = 1e-3


class _SamePaddedConv2d(nn.Conv2d):
    """A convolution padded as TensorFlow's "same": an odd pixel of padding goes to the right and to the bottom."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        padding: list[int] = []
        for pixels, kernel, stride in zip(x.shape[:1:-1], self.kernel_size[::-1], self.stride[::-1], strict=True):
            total = max((math.ceil(pixels / stride) - 1) * stride + kernel - pixels, 0)
            padding += [total // 2, total - total // 2]
        return super().forward(functional.pad(x, padding))


@dataclass(frozen=True, slots=True)
class _Style:
    """What B and Lite build differently."""

    norm: Norm
    lite: bool

    def activation(self) -> nn.Module:
        return nn.ReLU6(inplace=True) if self.lite else nn.SiLU(inplace=True)

    def normalisation(self, channels: int) -> nn.Module:
        layer = make_norm(self.norm, channels)
        if self.lite and isinstance(layer, nn.BatchNorm2d | nn.SyncBatchNorm | nn.GroupNorm):
            layer.eps = _TENSORFLOW_EPSILON
        return layer

    def spatial(self, channels: int, out_channels: int, kernel_size: int, stride: int, groups: int = 1) -> nn.Conv2d:
        """A convolution that pads itself."""
        convolution: Callable[..., nn.Conv2d] = _SamePaddedConv2d if self.lite and stride > 1 else nn.Conv2d
        padding = 0 if convolution is _SamePaddedConv2d else kernel_size // 2
        return convolution(
            channels, out_channels, kernel_size, stride=stride, padding=padding, groups=groups, bias=False
        )


class _MBConv(nn.Module):
    """Mobile inverted bottleneck: (B, channels, H, W) -> (B, out_channels, H / stride, W / stride)."""

    def __init__(
        self, channels: int, out_channels: int, expansion: int, kernel_size: int, stride: int, style: _Style
    ) -> None:
        super().__init__()
        hidden = channels * expansion
        self.identity = stride == 1 and channels == out_channels
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        if expansion != 1:
            layers["exp"] = nn.Conv2d(channels, hidden, 1, bias=False)
            layers["exp_bn"] = style.normalisation(hidden)
            layers["exp_swish"] = style.activation()
        layers["dwise"] = style.spatial(hidden, hidden, kernel_size, stride, groups=hidden)
        layers["dwise_bn"] = style.normalisation(hidden)
        layers["dwise_swish"] = style.activation()
        if not style.lite:
            inner = channels // 4  # a quarter of the block's input, not of `hidden`
            layers["se"] = BiasedSqueezeExcite(hidden, inner, nn.SiLU(inplace=True))
        layers["lin_proj"] = nn.Conv2d(hidden, out_channels, 1, bias=False)
        layers["lin_proj_bn"] = style.normalisation(out_channels)
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x
        for layer in self.children():
            y = layer(y)
        return x + y if self.identity else y


class EfficientNet(nn.Module):
    """Tan & Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks" (ICML 2019).

    (B, 3, H, W), normalised -> (B, feature_dim, H / 16, W / 16), or / 32 with `last_stride` 2, the stride of the sixth
    stage; without pooling and classifier. feature_dim is 1280 times the width multiplier, 1280 at least.
    """

    def __init__(self, size: EfficientNetSize, *, last_stride: int = 1, norm: Norm = Norm.BATCH) -> None:
        super().__init__()
        style = _Style(norm, size.lite)
        channels = round_channels(_STEM_WIDTH * size.width)
        stem: OrderedDict[str, nn.Module] = OrderedDict()
        stem["conv"] = style.spatial(3, channels, 3, stride=2)
        stem["bn"] = style.normalisation(channels)
        stem["swish"] = style.activation()
        self.stem = nn.Sequential(stem)
        stages: list[nn.Sequential] = []
        for number, (expansion, kernel_size, stride, base, count) in enumerate(_STAGES, start=1):
            out_channels, first = round_channels(base * size.width), last_stride if number == 6 else stride
            blocks: OrderedDict[str, nn.Module] = OrderedDict()
            for index in range(math.ceil(count * size.depth)):
                step = first if index == 0 else 1
                blocks[f"b{index + 1}"] = _MBConv(channels, out_channels, expansion, kernel_size, step, style)
                channels = out_channels
            stages.append(nn.Sequential(blocks))
        self.s1, self.s2, self.s3, self.s4, self.s5, self.s6, self.s7 = stages
        self.feature_dim = round_channels(_HEAD_WIDTH * size.width)
        head: OrderedDict[str, nn.Module] = OrderedDict()
        head["conv"] = nn.Conv2d(channels, self.feature_dim, 1, bias=False)
        head["conv_bn"] = style.normalisation(self.feature_dim)
        head["conv_swish"] = style.activation()
        self.head = nn.Sequential(head)
        initialize_convolutions(self, keep_biases=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) -> (B, feature_dim, h, w)."""
        for layer in self.children():
            x = layer(x)
        return x
