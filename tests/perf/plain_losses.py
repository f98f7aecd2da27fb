"""The losses of other toolboxes as their algorithms are, in plain PyTorch: what ours are timed beside."""

from __future__ import annotations

import torch
from torch.nn import functional

__all__ = [
    "all_classes_center",
    "hinged_matrix_triplet",
    "looped_triplet",
    "masked_circle",
    "matrix_triplet",
    "mined_triplet",
    "selected_circle",
]


def _expanded_distances(features: torch.Tensor, clamp: float = 1e-12) -> torch.Tensor:
    """|x|^2 + |y|^2 - 2 x.y, clamped, rooted: (B, D) -> (B, B)."""
    count = len(features)
    squares = features.pow(2).sum(1, keepdim=True).expand(count, count)
    return (squares + squares.t()).addmm(features, features.t(), beta=1, alpha=-2).clamp(min=clamp).sqrt()


def matrix_triplet(features: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Bag of Tricks: masks of the whole matrix, its rows' positives and negatives picked out, then hardest of each."""
    distances, count = _expanded_distances(features), len(targets)
    wide = targets.expand(count, count)
    positive = distances[wide.eq(wide.t())].contiguous().view(count, -1).max(1, keepdim=True)[0].squeeze(1)
    negative = distances[wide.ne(wide.t())].contiguous().view(count, -1).min(1, keepdim=True)[0].squeeze(1)
    return functional.margin_ranking_loss(negative, positive, torch.ones_like(negative), margin=0.3)


def looped_triplet(features: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Torchreid: a loop over the anchors in Python."""
    distances, count = _expanded_distances(features), len(targets)
    same = targets.expand(count, count).eq(targets.expand(count, count).t())
    positives, negatives = [], []
    for row in range(count):
        positives.append(distances[row][same[row]].max().unsqueeze(0))
        negatives.append(distances[row][same[row] == 0].min().unsqueeze(0))
    positive, negative = torch.cat(positives), torch.cat(negatives)
    return functional.margin_ranking_loss(negative, positive, torch.ones_like(negative), margin=0.3)


def mined_triplet(features: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """PyTorch Metric Learning's batch-hard miner, then its triplet loss: the matrix twice, once for each."""
    same = targets[:, None] == targets[None, :]
    itself = torch.eye(len(targets), dtype=torch.bool)
    with torch.no_grad():
        mined = torch.cdist(features, features)
        positive = mined.masked_fill(~(same & ~itself), -torch.inf).max(dim=1).indices
        negative = mined.masked_fill(same, torch.inf).min(dim=1).indices
    distances, anchors = torch.cdist(features, features), torch.arange(len(targets))
    violation = functional.relu(distances[anchors, positive] - distances[anchors, negative] + 0.3)
    return violation.mean()


def hinged_matrix_triplet(features: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """FastReID: every pair hidden by adding a large number to its distance, then hardest of each row."""
    distances, count = _expanded_distances(features), len(targets)
    same = targets.view(count, 1).expand(count, count).eq(targets.view(count, 1).expand(count, count).t()).float()
    positive = torch.max(distances * same, dim=1)[0]
    negative = torch.min(distances * (1 - same) + same * 1e9, dim=1)[0]
    return functional.margin_ranking_loss(negative, positive, torch.ones_like(negative), margin=0.3)


def masked_circle(features: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """FastReID: scores of all pairs both as positives and as negatives, hidden by a large negative number."""
    unit, count = functional.normalize(features, dim=1), len(targets)
    cosines = unit @ unit.t()
    wide = targets.view(count, 1).expand(count, count)
    positive = wide.eq(wide.t()).float() - torch.eye(count)
    negative = wide.ne(wide.t()).float()
    to_positive, to_negative = cosines * positive, cosines * negative
    up = torch.clamp_min(-to_positive.detach() + 1 + 0.25, min=0.0)
    down = torch.clamp_min(to_negative.detach() + 0.25, min=0.0)
    scores_up = -128 * up * (to_positive - 0.75) + (-99999999.0) * (1 - positive)
    scores_down = 128 * down * (to_negative - 0.25) + (-99999999.0) * (1 - negative)
    return functional.softplus(torch.logsumexp(scores_up, dim=1) + torch.logsumexp(scores_down, dim=1)).mean()


def selected_circle(features: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """PyTorch Metric Learning: scores of the selected pairs written into empty matrices, log-sum-exp under a mask."""
    unit = functional.normalize(features, dim=1)
    cosines = unit @ unit.t()
    same = targets[:, None] == targets[None, :]
    positive, negative = same & ~torch.eye(len(targets), dtype=torch.bool), ~same
    scores = torch.zeros_like(cosines)
    ups, downs = cosines[positive], cosines[negative]
    scores[positive] = -128 * torch.relu(1.25 - ups.detach()) * (ups - 0.75)
    scores[negative] = 128 * torch.relu(downs.detach() + 0.25) * (downs - 0.25)

    def summed(mask: torch.Tensor) -> torch.Tensor:
        exponents = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
        return torch.logsumexp(exponents, dim=1, keepdim=True).masked_fill(~mask.any(dim=1, keepdim=True), 0.0)

    return functional.softplus(summed(positive) + summed(negative)).mean()


def all_classes_center(features: torch.Tensor, targets: torch.Tensor, centers: torch.Tensor) -> torch.Tensor:
    """Bag of Tricks: squared distances to all centers, all but the own masked away."""
    count, classes = len(features), len(centers)
    distances = (
        features.pow(2).sum(dim=1, keepdim=True).expand(count, classes)
        + centers.pow(2).sum(dim=1, keepdim=True).expand(classes, count).t()
    ).addmm(features, centers.t(), beta=1, alpha=-2)
    own = targets[:, None].expand(count, classes).eq(torch.arange(classes).expand(count, classes))
    return (distances * own.float()).clamp(min=1e-12, max=1e12).sum() / count
