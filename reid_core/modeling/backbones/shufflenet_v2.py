"""ShuffleNetV2, keys and numbers as in FastReID."""

from __future__ import annotations

import torch
from torch import nn

from reid_core.modeling.layers import Norm, make_norm

__all__ = ["WIDTHS", "ShuffleNetV2"]

WIDTHS = {
    "1.0x": (116, 232, 464, 1024),
    "0.5x": (48, 96, 192, 1024),
    "1.5x": (176, 352, 704, 1024),
    "2.0x": (244, 488, 976, 2048),
}
"""FastReID's spelling of `MODEL.BACKBONE.DEPTH` for this family -> channels of the three stages and of the end."""

_STEM_WIDTH = 24
_BLOCKS = (4, 8, 4)
_FIRST_BIAS = 1e-4


class _Halves(nn.Module):
    """A block that keeps the resolution: half of the channels pass, the others are transformed."""

    def __init__(self, channels: int, norm: Norm) -> None:
        super().__init__()
        self.branch_main = _transform(channels // 2, channels // 2, channels // 2, 1, norm)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # The shuffle of the block before: what its two branches gave is dealt out in turns.
        return torch.cat((x[:, 0::2], self.branch_main(x[:, 1::2])), dim=1)


class _Downsample(nn.Module):
    """A block that halves the resolution: both branches see every channel."""

    def __init__(self, channels: int, out_channels: int, norm: Norm) -> None:
        super().__init__()
        self.branch_main = _transform(channels, out_channels // 2, out_channels - channels, 2, norm)
        self.branch_proj = nn.Sequential(
            nn.Conv2d(channels, channels, 3, stride=2, padding=1, groups=channels, bias=False),
            make_norm(norm, channels),
            nn.Conv2d(channels, channels, 1, bias=False),
            make_norm(norm, channels),
            nn.ReLU(inplace=True),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat((self.branch_proj(x), self.branch_main(x)), dim=1)


def _transform(channels: int, inner: int, out_channels: int, stride: int, norm: Norm) -> nn.Sequential:
    """1 x 1, depthwise 3 x 3 (strided), 1 x 1; (B, channels, H, W) -> (B, out_channels, H / stride, W / stride)."""
    return nn.Sequential(
        nn.Conv2d(channels, inner, 1, bias=False),
        make_norm(norm, inner),
        nn.ReLU(inplace=True),
        nn.Conv2d(inner, inner, 3, stride=stride, padding=1, groups=inner, bias=False),
        make_norm(norm, inner),
        nn.Conv2d(inner, out_channels, 1, bias=False),
        make_norm(norm, out_channels),
        nn.ReLU(inplace=True),
    )


class ShuffleNetV2(nn.Module):
    """Ma et al., "ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design" (ECCV 2018).

    (B, 3, H, W), normalised -> (B, feature_dim, H / 32, W / 32), without pooling and classifier. `widths`: channels of
    the three stages and of the last convolution, feature_dim.
    """

    def __init__(self, widths: tuple[int, int, int, int] = WIDTHS["1.0x"], norm: Norm = Norm.BATCH) -> None:
        super().__init__()
        *stages, self.feature_dim = widths
        channels = _STEM_WIDTH
        self.first_conv = nn.Sequential(
            nn.Conv2d(3, channels, 3, stride=2, padding=1, bias=False), make_norm(norm, channels), nn.ReLU(inplace=True)
        )
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        blocks: list[nn.Module] = []
        for out_channels, count in zip(stages, _BLOCKS, strict=True):
            blocks.append(_Downsample(channels, out_channels, norm))
            blocks += [_Halves(out_channels, norm) for _ in range(count - 1)]
            channels = out_channels
        self.features = nn.Sequential(*blocks)
        self.conv_last = nn.Sequential(
            nn.Conv2d(channels, self.feature_dim, 1, bias=False),
            make_norm(norm, self.feature_dim),
            nn.ReLU(inplace=True),
        )
        self._initialize()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) -> (B, feature_dim, h, w)."""
        y: torch.Tensor = self.conv_last(self.features(self.maxpool(self.first_conv(x))))
        return y

    def _initialize(self) -> None:
        """Convolutions from N(0, 1 / inputs a group), the first narrower; a small bias after each batch norm."""
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                deviation = 0.01 if layer is self.first_conv[0] else 1.0 / layer.weight.shape[1]
                nn.init.normal_(layer.weight, 0.0, deviation)
            elif isinstance(layer, nn.BatchNorm2d | nn.SyncBatchNorm):
                nn.init.constant_(layer.bias, _FIRST_BIAS)
