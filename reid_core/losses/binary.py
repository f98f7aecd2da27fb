"""Binary cross-entropy over attributes, weighted by how rare an answer is."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from reid_core.losses.precision import at_least_float32

__all__ = ["BinaryCrossEntropy", "binary_cross_entropy", "positive_shares"]


def binary_cross_entropy(
    logits: torch.Tensor, targets: torch.Tensor, positive_share: torch.Tensor | None = None
) -> torch.Tensor:
    """Mean over what is known of w (-t log s - (1 - t) log(1 - s)), s = sigmoid(logits); a scalar.

    logits (B, A), targets (B, A) of 1, 0, or below 0 where nobody knows. With `positive_share` p (A,), the share of
    positives in training, w = exp(1 - p) for a positive and exp(p) for a negative: Li et al., "Multi-attribute Learning
    for Pedestrian Attribute Recognition in Surveillance Scenarios" (ACPR 2015, DeepMAR), its sigma 1 as in FastReID.
    """
    wide = at_least_float32(logits)
    known = targets >= 0
    each = functional.binary_cross_entropy_with_logits(wide, targets.clamp(min=0).to(wide.dtype), reduction="none")
    if positive_share is not None:
        share = positive_share.to(wide.dtype)
        each = each * torch.where(targets > 0, 1 - share, share).exp()
    return torch.where(known, each, torch.zeros_like(each)).sum() / known.sum().clamp(min=1)


def positive_shares(targets: torch.Tensor) -> torch.Tensor:
    """The share of positives (A,) among what is known in targets (N, A); 1/2 where nothing is."""
    known = (targets >= 0).sum(dim=0)
    share = (targets > 0).sum(dim=0) / known.clamp(min=1)
    return torch.where(known > 0, share, torch.full_like(share, 0.5))


class BinaryCrossEntropy(nn.Module):
    """`binary_cross_entropy` with the positives' shares (A,) of the training images, or unweighted."""

    positive_share: torch.Tensor | None

    def __init__(self, positive_share: torch.Tensor | None = None) -> None:
        super().__init__()
        # a function of the training images: whoever goes on may weigh or not
        self.register_buffer("positive_share", positive_share, persistent=False)

    def forward(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """A scalar of logits and targets (B, A)."""
        return binary_cross_entropy(logits, targets, self.positive_share)
