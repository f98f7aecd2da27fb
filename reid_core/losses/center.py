"""Center loss: features are drawn to a learned center of their identity."""

from __future__ import annotations

import torch
from torch import nn

from reid_core.losses.precision import at_least_float32

__all__ = ["CenterLoss", "center_loss"]


def center_loss(features: torch.Tensor, targets: torch.Tensor, centers: torch.Tensor) -> torch.Tensor:
    """Mean over the batch of the squared distance to the own center; a scalar.

    features (B, D), targets (B,), centers (C, D). Wen et al., "A Discriminative Feature Learning Approach" (ECCV 2016)
    in the form of the Bag of Tricks: no factor 1/2.
    """
    # index_select and not centers[targets]: its backward adds in a fixed order, so training repeats bit by bit.
    return (at_least_float32(features) - centers.index_select(0, targets)).square().sum(dim=1).mean()


class CenterLoss(nn.Module):
    """`center_loss` with its centers (num_classes, feature_dim), drawn from N(0, 1) as in the Bag of Tricks."""

    def __init__(self, num_classes: int, feature_dim: int) -> None:
        super().__init__()
        self.centers = nn.Parameter(torch.randn(num_classes, feature_dim))

    def forward(self, features: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Features (B, feature_dim), targets (B,) -> a scalar."""
        return center_loss(features, targets, self.centers)
