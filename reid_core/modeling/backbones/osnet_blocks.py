"""The omni-scale blocks of OSNet and OSNet-AIN: the same arithmetic under FastReID's and torchreid's keys."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from reid_core.modeling.layers import Norm, make_norm

__all__ = ["Block", "BlockAin", "Convolution"]


class Convolution(nn.Module):
    """Convolution, normalisation (of instances with `instance`) and, unless `linear`, ReLU; same padding."""

    def __init__(
        self,
        channels: int,
        out_channels: int,
        kernel_size: int,
        norm: Norm,
        *,
        stride: int = 1,
        instance: bool = False,
        linear: bool = False,
    ) -> None:
        super().__init__()
        padding = kernel_size // 2
        self.conv = nn.Conv2d(channels, out_channels, kernel_size, stride=stride, padding=padding, bias=False)
        self.bn = nn.InstanceNorm2d(out_channels, affine=True) if instance else make_norm(norm, out_channels)
        self.relu = nn.Identity() if linear else nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, channels, H, W) -> (B, out_channels, H / stride, W / stride)."""
        y: torch.Tensor = self.relu(self.bn(self.conv(x)))
        return y


class _Light(nn.Module):
    """Lite 3 x 3: 1 x 1 and depthwise 3 x 3 convolution, normalisation, ReLU: (B, C, H, W) -> (B, C, H, W)."""

    def __init__(self, channels: int, norm: Norm) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 1, bias=False)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.bn = make_norm(norm, channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.relu(self.bn(self.conv2(self.conv1(x))))
        return y


class _LightStream(nn.Module):
    """`count` lite 3 x 3 in a row, under torchreid's key."""

    def __init__(self, channels: int, count: int, norm: Norm) -> None:
        super().__init__()
        self.layers = _lights(channels, count, norm)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.layers(x)
        return y


def _lights(channels: int, count: int, norm: Norm) -> nn.Sequential:
    return nn.Sequential(*(_Light(channels, norm) for _ in range(count)))


class _Gate(nn.Module):
    """The aggregation gate, shared by the streams: (B, C, H, W) -> factors (B, C, 1, 1) in (0, 1)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // 16, 1)
        self.relu = nn.ReLU(inplace=True)
        self.fc2 = nn.Conv2d(channels // 16, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(self.fc2(self.relu(self.fc1(x.mean(dim=(2, 3), keepdim=True))))).to(x.dtype)


def _aggregated(streams: Iterable[nn.Module], gate: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """The sum of the gated streams of `x` (equation 3)."""
    total: torch.Tensor | None = None
    for stream in streams:
        y = stream(x)
        total = y * gate(y) if total is None else torch.addcmul(total, y, gate(y))
    if total is None:
        raise ValueError("no streams to aggregate")
    return total


class Block(nn.Module):
    """Four streams of 1 to 4 lite 3 x 3 between 1 x 1 convolutions: (B, channels, H, W) -> (B, out_channels, H, W).

    `with_in`: instance normalisation of the sum of residual and shortcut. The keys are FastReID's.
    """

    def __init__(self, channels: int, out_channels: int, norm: Norm, *, with_in: bool = False) -> None:
        super().__init__()
        inner = out_channels // 4
        self.conv1 = Convolution(channels, inner, 1, norm)
        self.conv2a = _Light(inner, norm)
        self.conv2b = _lights(inner, 2, norm)
        self.conv2c = _lights(inner, 3, norm)
        self.conv2d = _lights(inner, 4, norm)
        self.gate = _Gate(inner)
        self.conv3 = Convolution(inner, out_channels, 1, norm, linear=True)
        self.downsample = _shortcut(channels, out_channels, norm)
        self.IN = nn.InstanceNorm2d(out_channels, affine=True) if with_in else nn.Identity()
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, channels, H, W) -> (B, out_channels, H, W)."""
        streams = (self.conv2a, self.conv2b, self.conv2c, self.conv2d)
        y = self.conv3(_aggregated(streams, self.gate, self.conv1(x)))
        y += x if self.downsample is None else self.downsample(x)
        z: torch.Tensor = self.relu(self.IN(y))
        return z


class BlockAin(nn.Module):
    """As `Block`, but `with_in` replaces the residual's last normalisation by one of instances. torchreid's keys."""

    def __init__(self, channels: int, out_channels: int, norm: Norm, *, with_in: bool) -> None:
        super().__init__()
        inner = out_channels // 4
        self.conv1 = Convolution(channels, inner, 1, norm)
        self.conv2 = nn.ModuleList(_LightStream(inner, count, norm) for count in (1, 2, 3, 4))
        self.gate = _Gate(inner)
        self.conv3 = Convolution(inner, out_channels, 1, norm, linear=True)
        self.IN: nn.Module = nn.Identity()
        if with_in:
            self.conv3.bn = nn.Identity()
            self.IN = nn.InstanceNorm2d(out_channels, affine=True)
        self.downsample = _shortcut(channels, out_channels, norm)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, channels, H, W) -> (B, out_channels, H, W)."""
        y = self.IN(self.conv3(_aggregated(self.conv2, self.gate, self.conv1(x))))
        y += x if self.downsample is None else self.downsample(x)
        z: torch.Tensor = self.relu(y)
        return z


def _shortcut(channels: int, out_channels: int, norm: Norm) -> Convolution | None:
    return None if channels == out_channels else Convolution(channels, out_channels, 1, norm, linear=True)
