"""What a model gives to the losses while it trains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import torch

__all__ = ["BranchOutputs", "HeadOutputs", "Outputs"]


@dataclass(frozen=True, slots=True)
class BranchOutputs:
    """What one branch of a model shows the losses of a batch of B images: class logits, features, or both.

    features:     (B, D), what metric losses compare (before or after the neck).
    logits:       (B, C), what classification losses see (with the classifier's margin and scale, if it has one).
    plain_logits: (B, C), without margin: predictions and distillation.
    keys:         (B, D), what a momentum encoder makes of the same images, without gradient.
    embedding:    (B, D), this branch's part of the embedding.
    classes:      (S,), ascending: the classes that both logits, then (B, S), are of; None where they are of all.
    """

    features: torch.Tensor | None = None
    logits: torch.Tensor | None = None
    plain_logits: torch.Tensor | None = None
    keys: torch.Tensor | None = None
    embedding: torch.Tensor | None = None
    classes: torch.Tensor | None = None


@dataclass(frozen=True, slots=True)
class HeadOutputs(BranchOutputs):
    """The branch of one head: features and logits are there."""

    features: torch.Tensor
    logits: torch.Tensor
    plain_logits: torch.Tensor


Outputs: TypeAlias = dict[str, BranchOutputs]
"""By branch, as `b1` or `b22`; the empty name is the only branch, or the one for the whole image."""
