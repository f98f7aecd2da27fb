"""Squeeze-and-excitation."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["BiasedSqueezeExcite", "SqueezeExcite"]


class SqueezeExcite(nn.Module):
    """Channel attention of Hu et al., "Squeeze-and-Excitation Networks" (CVPR 2018): (B, C, H, W) -> (B, C, H, W).

    As in FastReID, both linear layers are without bias and the inner width is C // reduction.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.fc = nn.Sequential(
            nn.Linear(channels, channels // reduction, bias=False),
            nn.ReLU(inplace=True),
            nn.Linear(channels // reduction, channels, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) -> (B, C, H, W), each channel scaled by its own factor in (0, 1)."""
        scale: torch.Tensor = self.fc(x.mean(dim=(2, 3)))
        return x * scale[:, :, None, None]


class BiasedSqueezeExcite(nn.Module):
    """The same of 1 x 1 convolutions with biases, under pycls' key: RegNet's (ReLU) and EfficientNet's (SiLU)."""

    def __init__(self, channels: int, inner: int, activation: nn.Module) -> None:
        super().__init__()
        self.f_ex = nn.Sequential(
            nn.Conv2d(channels, inner, 1), activation, nn.Conv2d(inner, channels, 1), nn.Sigmoid()
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) -> (B, C, H, W), each channel scaled by its own factor in (0, 1)."""
        scale: torch.Tensor = self.f_ex(x.mean(dim=(2, 3), keepdim=True))
        return x * scale
