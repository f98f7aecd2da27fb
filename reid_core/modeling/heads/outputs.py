"""What a head gives to the losses."""

from __future__ import annotations

from dataclasses import dataclass

import torch

__all__ = ["HeadOutputs"]


@dataclass(frozen=True, slots=True)
class HeadOutputs:
    """Training outputs of one head for a batch of B images.

    features:     (B, D), what metric losses compare (before or after the neck).
    logits:       (B, C), what classification losses see (with the classifier's margin and scale, if it has one).
    plain_logits: (B, C), without margin: predictions and distillation.
    """

    features: torch.Tensor
    logits: torch.Tensor
    plain_logits: torch.Tensor
