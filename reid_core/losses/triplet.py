"""Triplet loss with mining inside the batch."""

from __future__ import annotations

from enum import StrEnum

import torch
from torch.nn import functional

from reid_core.losses.precision import at_least_float32

__all__ = ["Metric", "Mining", "triplet_loss"]

_FLOOR = 1e-12
"""Squared distances below it count as it: the square root has no slope at 0, and rounding makes them negative."""


class Metric(StrEnum):
    """How far two features are apart: Euclidean, or 2 - 2 cos (the squared distance at unit length, FastReID)."""

    EUCLIDEAN = "euclidean"
    COSINE = "cosine"


class Mining(StrEnum):
    """Which positives and negatives of the batch an anchor sees.

    HARD: the farthest positive and the nearest negative (Hermans et al., "In Defense of the Triplet Loss", 2017).
    WEIGHTED: all of them, averaged with softmax weights of their distances (Ristani & Tomasi 2018, AGW), in FastReID's
    form, whose denominator has 1e-6 added: negatives that are all beyond a distance of about 14 weigh less than 1
    together.
    """

    HARD = "hard"
    WEIGHTED = "weighted"


def triplet_loss(
    features: torch.Tensor,
    targets: torch.Tensor,
    *,
    margin: float = 0.3,
    soft_margin: bool = False,
    metric: Metric = Metric.EUCLIDEAN,
    mining: Mining = Mining.HARD,
) -> torch.Tensor:
    """Mean over anchors of max(0, d_ap - d_an + margin), or of log(1 + exp(d_ap - d_an)) with `soft_margin`; a scalar.

    features (B, D), targets (B,). As in FastReID an image is its own positive at distance 0, so an anchor without
    another image of its identity has d_ap = 0, and identities may have different numbers of images. An anchor without
    a negative has no triplet and is left out; a batch of one identity has loss 0. Zero distances have a gradient of 0.
    """
    features = at_least_float32(features)
    if metric is Metric.COSINE:
        features = functional.normalize(features)
    same = targets[:, None] == targets[None, :]
    pair = _hard_pair if mining is Mining.HARD else _weighted_pair
    to_positive, to_negative = pair(features, same, metric)
    has_negative = ~same.all(dim=1)
    gap = to_positive - to_negative
    terms = functional.softplus(gap) if soft_margin else (gap + margin).clamp(min=0.0)
    # where() and not indexing: the shape does not depend on the data, and one identity needs no branch.
    return torch.where(has_negative, terms, 0.0).sum() / has_negative.sum().clamp(min=1)


def _hard_pair(features: torch.Tensor, same: torch.Tensor, metric: Metric) -> tuple[torch.Tensor, torch.Tensor]:
    """Distances (B,) to the farthest positive and the nearest negative.

    The search needs no gradient and may be inexact; the two distances are computed again from the differences, which
    is exact for near duplicates and makes the backward pass O(B D) instead of O(B B D).
    """
    with torch.no_grad():
        squared = _squared_distances(features)
        positive = squared.masked_fill(~same, -1.0).argmax(dim=1)
        negative = squared.masked_fill(same, torch.inf).argmin(dim=1)
    return _distance_to(features, positive, metric), _distance_to(features, negative, metric)


def _distance_to(features: torch.Tensor, chosen: torch.Tensor, metric: Metric) -> torch.Tensor:
    # index_select and not features[chosen]: its backward adds in a fixed order, so training repeats bit by bit.
    squared = (features - features.index_select(0, chosen)).square().sum(dim=1)
    return squared if metric is Metric.COSINE else squared.clamp(min=_FLOOR).sqrt()


def _weighted_pair(features: torch.Tensor, same: torch.Tensor, metric: Metric) -> tuple[torch.Tensor, torch.Tensor]:
    """Softmax-weighted mean distances (B,) to the positives (far ones weigh more) and negatives (near ones do)."""
    distances = _squared_distances(features)
    if metric is Metric.EUCLIDEAN:
        distances = distances.clamp(min=_FLOOR).sqrt()
    return _weighted_mean(distances, same, sign=1.0), _weighted_mean(distances, ~same, sign=-1.0)


def _weighted_mean(distances: torch.Tensor, mask: torch.Tensor, *, sign: float) -> torch.Tensor:
    masked = distances * mask
    scores = masked * sign
    exponentials = (scores - scores.amax(dim=1, keepdim=True)).exp() * mask
    weights = exponentials / (exponentials.sum(dim=1, keepdim=True) + 1e-6)
    return (masked * weights).sum(dim=1)


def _squared_distances(features: torch.Tensor) -> torch.Tensor:
    """(B, D) -> (B, B), not negative, exactly 0 on the diagonal."""
    # Distances do not change when all points move together, but |x|^2 + |y|^2 - 2 x.y loses digits far from the origin.
    features = features - features.mean(dim=0)
    products = features @ features.T
    norms = products.diagonal()
    squared = (norms[:, None] + norms[None, :] - 2.0 * products).clamp(min=0.0)
    itself = torch.eye(len(features), dtype=torch.bool, device=features.device)
    return squared.masked_fill(itself, 0.0)
