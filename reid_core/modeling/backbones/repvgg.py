"""RepVGG, keys and numbers as in FastReID, and its form for inference."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from reid_core.modeling.layers import Norm, make_norm

__all__ = ["SIZES", "RepVGG", "RepVGGBlock", "RepVGGSize"]


@dataclass(frozen=True, slots=True)
class RepVGGSize:
    """Blocks of the four stages, multipliers of their widths 64, 128, 256, 512, groups of every second block."""

    blocks: tuple[int, int, int, int]
    widths: tuple[float, float, float, float]
    groups: int = 1


_A, _B = (2, 4, 14, 1), (4, 6, 16, 1)

SIZES = {
    "A0": RepVGGSize(_A, (0.75, 0.75, 0.75, 2.5)),
    "A1": RepVGGSize(_A, (1.0, 1.0, 1.0, 2.5)),
    "A2": RepVGGSize(_A, (1.5, 1.5, 1.5, 2.75)),
    "B0": RepVGGSize(_B, (1.0, 1.0, 1.0, 2.5)),
    "B1": RepVGGSize(_B, (2.0, 2.0, 2.0, 4.0)),
    "B1g2": RepVGGSize(_B, (2.0, 2.0, 2.0, 4.0), groups=2),
    "B1g4": RepVGGSize(_B, (2.0, 2.0, 2.0, 4.0), groups=4),
    "B2": RepVGGSize(_B, (2.5, 2.5, 2.5, 5.0)),
    "B2g2": RepVGGSize(_B, (2.5, 2.5, 2.5, 5.0), groups=2),
    "B2g4": RepVGGSize(_B, (2.5, 2.5, 2.5, 5.0), groups=4),
    "B3": RepVGGSize(_B, (3.0, 3.0, 3.0, 5.0)),
    "B3g2": RepVGGSize(_B, (3.0, 3.0, 3.0, 5.0), groups=2),
    "B3g4": RepVGGSize(_B, (3.0, 3.0, 3.0, 5.0), groups=4),
}
"""FastReID's spelling of `MODEL.BACKBONE.DEPTH` for this family -> table 2 of the paper."""


class _Branch(nn.Module):
    """A convolution and its norm."""

    def __init__(
        self, channels: int, out_channels: int, kernel_size: int, stride: int, groups: int, norm: Norm
    ) -> None:
        super().__init__()
        padding = kernel_size // 2
        self.conv = nn.Conv2d(
            channels, out_channels, kernel_size, stride=stride, padding=padding, groups=groups, bias=False
        )
        self.bn = make_norm(norm, out_channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.bn(self.conv(x))
        return y


class RepVGGBlock(nn.Module):
    """3 x 3 + 1 x 1 + identity (where the shapes allow it), then ReLU.

    (B, channels, H, W) -> (B, out_channels, H / stride, W / stride). `reparameterise` puts one convolution,
    `rbr_reparam`, in the place of the three.
    """

    def __init__(
        self, channels: int, out_channels: int, *, stride: int = 1, groups: int = 1, norm: Norm = Norm.BATCH
    ) -> None:
        super().__init__()
        self.rbr_reparam: nn.Conv2d | None = None
        same = stride == 1 and channels == out_channels
        self.rbr_identity = make_norm(norm, out_channels) if same else None
        self.rbr_dense: _Branch | None = _Branch(channels, out_channels, 3, stride, groups, norm)
        self.rbr_1x1: _Branch | None = _Branch(channels, out_channels, 1, stride, groups, norm)
        self.relu = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, channels, H, W) -> (B, out_channels, H / stride, W / stride)."""
        branches = (self.rbr_reparam, self.rbr_dense, self.rbr_1x1, self.rbr_identity)
        first, *others = (branch for branch in branches if branch is not None)
        y: torch.Tensor = first(x)
        for branch in others:
            y = y + branch(x)
        z: torch.Tensor = self.relu(y)
        return z

    @torch.no_grad()
    def reparameterise(self) -> None:
        """Fuse the branches, in place, as section 3.3 of the paper does; the block then is for inference only.

        Only batch norm can be fused: with another norm, and when it is fused already, the block stays as it is.
        """
        dense, point, identity = self.rbr_dense, self.rbr_1x1, self.rbr_identity
        if dense is None or point is None:
            return
        branches = [(dense.conv.weight, dense.bn), (functional.pad(point.conv.weight, (1, 1, 1, 1)), point.bn)]
        if identity is not None:
            branches.append((_identity_kernel(dense.conv.weight), identity))
        parts = [part for kernel, norm in branches if (part := _scaled(kernel, norm)) is not None]
        if len(parts) < len(branches):
            return
        new = deepcopy(dense.conv)  # rather than a fresh one, which would draw random numbers
        new.weight.copy_(torch.stack([kernel for kernel, _ in parts]).sum(dim=0))
        new.bias = nn.Parameter(torch.stack([bias for _, bias in parts]).sum(dim=0).to(new.weight.dtype))
        self.rbr_reparam, self.rbr_dense, self.rbr_1x1, self.rbr_identity = new, None, None, None


def _scaled(kernel: torch.Tensor, norm: nn.Module) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Weight and bias, in float64, of the convolution that does what `kernel` and the norm behind it do.

    None: the norm is none that has one scale for every image.
    """
    if not isinstance(norm, nn.BatchNorm2d | nn.SyncBatchNorm) or norm.running_mean is None or norm.running_var is None:
        return None
    factor = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    return kernel.double() * factor[:, None, None, None], norm.bias.double() - norm.running_mean.double() * factor


def _identity_kernel(like: torch.Tensor) -> torch.Tensor:
    """The 3 x 3 kernel, shaped (C, C / groups, 3, 3) as `like`, that gives each channel back."""
    kernel = torch.zeros_like(like)
    rows = torch.arange(like.shape[0], device=like.device)
    kernel[rows, rows % like.shape[1], 1, 1] = 1.0
    return kernel


class RepVGG(nn.Module):
    """Ding et al., "RepVGG: Making VGG-style ConvNets Great Again" (CVPR 2021), without pooling and classifier.

    (B, 3, H, W), normalised -> (B, feature_dim, H / 16, W / 16), or / 32 with `last_stride` 2; feature_dim is the width
    of the last stage.
    """

    def __init__(self, size: RepVGGSize, *, last_stride: int = 1, norm: Norm = Norm.BATCH) -> None:
        super().__init__()
        widths = [int(base * factor) for base, factor in zip((64, 128, 256, 512), size.widths, strict=True)]
        channels = min(64, widths[0])
        self.stage0 = RepVGGBlock(3, channels, stride=2, norm=norm)
        number = 0  # of the block in the whole network; every second one has groups
        stages: list[nn.Sequential] = []
        for width, count, stride in zip(widths, size.blocks, (2, 2, 2, last_stride), strict=True):
            blocks: list[RepVGGBlock] = []
            for index in range(count):
                number += 1
                groups = size.groups if number % 2 == 0 else 1
                step = stride if index == 0 else 1
                blocks.append(RepVGGBlock(channels, width, stride=step, groups=groups, norm=norm))
                channels = width
            stages.append(nn.Sequential(*blocks))
        self.stage1, self.stage2, self.stage3, self.stage4 = stages
        self.feature_dim = channels

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) -> (B, feature_dim, h, w)."""
        y: torch.Tensor = self.stage4(self.stage3(self.stage2(self.stage1(self.stage0(x)))))
        return y
