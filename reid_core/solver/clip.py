"""Gradient clipping."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import torch
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

__all__ = ["ClipKind", "GradientClip"]


class ClipKind(StrEnum):
    """What is limited: the norm of all gradients together, or each number (`SOLVER.CLIP_GRADIENTS.CLIP_TYPE`).

    FastReID limits the norm of each parameter apart, which turns the direction of the step; ours keeps it.
    """

    NORM = "norm"
    VALUE = "value"


@dataclass(frozen=True, slots=True)
class GradientClip:
    """Limits gradients in place: `clip(model.parameters())` between backward and step (after unscaling, with fp16)."""

    kind: ClipKind = ClipKind.NORM
    limit: float = 5.0
    norm_type: float = 2.0

    def __call__(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Clip the gradients of `parameters`; those without one are passed over."""
        match self.kind:
            case ClipKind.NORM:
                clip_grad_norm_(parameters, self.limit, self.norm_type)
            case ClipKind.VALUE:
                clip_grad_value_(parameters, self.limit)
