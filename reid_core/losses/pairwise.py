"""Pairwise losses: each image of a batch against all others, by the cosines of their features."""

from __future__ import annotations

import torch
from torch.nn import functional

from reid_core.losses.precision import at_least_float32

__all__ = ["circle_loss", "cosface_loss", "cosface_of_cosines"]

_ABSENT = -1e8
"""The score of a pair that does not count: exp() of it is 0, and unlike minus infinity it has a gradient, 0."""


def circle_loss(embedding: torch.Tensor, targets: torch.Tensor, *, margin: float, gamma: float) -> torch.Tensor:
    """Mean over anchors of log(1 + sum_n exp(g a_n (s_n - m)) sum_p exp(-g a_p (s_p - 1 + m))); a scalar.

    embedding (B, D), targets (B,); s are cosines to the other images of the identity (p) and to those of others (n),
    a_p = max(0, 1 + m - s_p) and a_n = max(0, s_n + m) weights without gradient, m `margin`, g `gamma`. Sun et al.,
    "Circle Loss" (CVPR 2020). An anchor without a positive or without a negative has loss 0 and counts in the mean.
    """
    cosines = _cosines(embedding)
    same, fixed = targets[:, None] == targets[None, :], cosines.detach()
    weights = gamma * torch.where(same, (fixed - 1.0 - margin).clamp(max=0.0), (fixed + margin).clamp(min=0.0))
    optimum = _by_kind(cosines, same, 1.0 - margin, margin)
    return _loss_of_scores(cosines * weights - optimum * weights, _others(same), ~same)


def cosface_loss(embedding: torch.Tensor, targets: torch.Tensor, *, margin: float, gamma: float) -> torch.Tensor:
    """Mean over anchors of log(1 + sum_n exp(g (s_n + m)) sum_p exp(-g s_p)); a scalar.

    embedding (B, D), targets (B,); s are cosines to the other images of the identity (p) and to those of others (n).
    FastReID's pairwise form of Wang et al., "CosFace" (CVPR 2018). Anchors without a pair as in `circle_loss`.
    """
    same = targets[:, None] == targets[None, :]
    return cosface_of_cosines(_cosines(embedding), _others(same), ~same, margin=margin, gamma=gamma)


def cosface_of_cosines(
    cosines: torch.Tensor, positive: torch.Tensor, negative: torch.Tensor, *, margin: float, gamma: float
) -> torch.Tensor:
    """`cosface_loss` of cosines (B, M) to any M images, and which of them are positives and negatives, (B, M) each."""
    scores = cosines * _by_kind(cosines, negative, gamma, -gamma) + _by_kind(cosines, negative, gamma * margin, 0.0)
    return _loss_of_scores(scores, positive, negative)


def _loss_of_scores(scores: torch.Tensor, positive: torch.Tensor, negative: torch.Tensor) -> torch.Tensor:
    """Mean over the rows of log(1 + sum_n exp(score_n) sum_p exp(score_p)); a pair is of one kind or of none."""
    positives = scores.masked_fill(~positive, _ABSENT).logsumexp(dim=1)
    negatives = scores.masked_fill(~negative, _ABSENT).logsumexp(dim=1)
    return functional.softplus(positives + negatives).mean()


def _cosines(embedding: torch.Tensor) -> torch.Tensor:
    """Cosines of all pairs, (B, D) -> (B, B)."""
    unit = functional.normalize(at_least_float32(embedding))
    # The gradient G of x @ x.T is (G + G.T) @ x. Autograd does two products for it; here the matrix is added to itself
    # transposed, with value 0 and a gradient, and only the left factor has one: one product of three is saved.
    half = unit @ unit.detach().T
    return half + (half.T - half.detach().T)


def _by_kind(like: torch.Tensor, mask: torch.Tensor, inside: float, outside: float) -> torch.Tensor:
    """A matrix of two numbers, in the precision and on the device of `like`."""
    return torch.full_like(like, outside, requires_grad=False).masked_fill_(mask, inside)


def _others(same: torch.Tensor) -> torch.Tensor:
    """`same` without the pairs of an image and itself."""
    return same.clone().fill_diagonal_(fill_value=False)
