"""Focal loss: cross-entropy that cares less for images it is sure of."""

from __future__ import annotations

import torch

from reid_core.losses.precision import at_least_float32

__all__ = ["focal_loss"]


def focal_loss(logits: torch.Tensor, targets: torch.Tensor, *, alpha: float, gamma: float) -> torch.Tensor:
    """Mean over the batch of -alpha (1 - p)^gamma log p, p = softmax(logits) of the target; a scalar.

    logits (B, C), targets (B,) class indices. Lin et al., "Focal Loss" (ICCV 2017), `alpha` the same for all classes.
    """
    log_p = at_least_float32(logits).log_softmax(dim=1).gather(1, targets[:, None])[:, 0]
    # 1 - exp(log p) exactly, and never 0: below exponent 1 the power has no slope there.
    doubt = (-log_p.expm1()).clamp(min=torch.finfo(log_p.dtype).tiny)
    return -alpha * (doubt.pow(gamma) * log_p).mean()
