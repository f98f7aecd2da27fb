"""From the student's feature maps to the teacher's width and size."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional
from torch.optim import Optimizer

from reid_core.config import Config
from reid_core.modeling.layers import Norm, make_norm
from reid_core.solver import build_optimizer

__all__ = ["Connector", "connector_optimizer", "resized_to"]


class Connector(nn.Module):
    """A 1 x 1 convolution and a norm: (B, channels, h, w) -> (B, out_channels, H, W), H and W as asked for.

    Heo et al., "A Comprehensive Overhaul of Feature Distillation" (ICCV 2019), the student's transform: it learns with
    the student, of equal widths too, and is thrown away after training.
    """

    def __init__(self, channels: int, out_channels: int, norm: Norm = Norm.BATCH) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out_channels, 1, bias=False)
        nn.init.normal_(self.conv.weight, 0.0, math.sqrt(2.0 / out_channels))
        self.bn = make_norm(norm, out_channels)

    def forward(self, x: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
        """(B, channels, h, w) -> (B, out_channels, *size)."""
        return resized_to(self.bn(self.conv(x)), size)


def connector_optimizer(config: Config, learned: nn.Module) -> Optimizer | None:
    """SOLVER's optimiser for what only distillation learns; what names parts of the student does not count here."""
    if not any(True for _ in learned.parameters()):
        return None
    solver = config.solver.model_copy(update={"lr_multipliers": (), "layer_decay": 1.0})
    return build_optimizer(config.model_copy(update={"solver": solver}), learned)


def resized_to(x: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """(B, C, h, w) -> (B, C, *size): averaged where neither side grows, else interpolated linearly."""
    if x.shape[2:] == size:
        return x
    if x.shape[2] >= size[0] and x.shape[3] >= size[1]:
        return functional.adaptive_avg_pool2d(x, size)
    return functional.interpolate(x, size=size, mode="bilinear", align_corners=False)
