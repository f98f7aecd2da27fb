"""Feature distillation of Heo et al., "A Comprehensive Overhaul of Feature Distillation" (ICCV 2019)."""

from __future__ import annotations

import math

import torch

from reid_core.losses.precision import at_least_float32

__all__ = ["overhaul_distance", "overhaul_distances", "overhaul_margin"]

_RARE = 0.001
"""A channel that is negative less often than this has the margin -3 std in place of its mean (FastReID, Heo et al.)."""


def overhaul_margin(weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """The mean of each channel's negative values, (C,), behind a batch norm with `weight` (C,) and `bias` (C,).

    Values are taken as N(bias, weight^2), so that it is bias - |weight| phi(z) / Phi(z) at z = -bias / |weight|.
    """
    std, mean = weight.double().abs(), bias.double()
    z = -mean / std.clamp(min=torch.finfo(torch.float64).tiny)
    share = torch.special.ndtr(z)
    density = torch.exp(-z.square() / 2) / math.sqrt(2 * math.pi)
    expected = mean - std * density / share.clamp(min=_RARE)
    return torch.where(share > _RARE, expected, -3.0 * std).to(weight.dtype)


def overhaul_distance(student: torch.Tensor, teacher: torch.Tensor, margin: torch.Tensor) -> torch.Tensor:
    """Sum of the squared differences of two feature maps before their ReLU; a scalar.

    student and teacher (B, C, h, w), `margin` (1, C, 1, 1), at most 0. What the teacher has below the margin is taken
    as the margin; where it is not positive, the student is only held back from above ("partial L2").
    """
    return overhaul_distances(student, teacher, margin).sum()


def overhaul_distances(student: torch.Tensor, teacher: torch.Tensor, margin: torch.Tensor) -> torch.Tensor:
    """`overhaul_distance` of each image of the batch, (B,)."""
    student = at_least_float32(student)
    wanted = torch.maximum(at_least_float32(teacher), margin)
    counts = (student > wanted) | (wanted > 0)
    return torch.where(counts, (student - wanted).square(), 0.0).sum(dim=(1, 2, 3))
