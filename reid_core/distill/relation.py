"""How alike two networks place the images of a batch to each other: Park et al., "Relational KD" (CVPR 2019)."""

from __future__ import annotations

import torch
from torch.nn import functional

from reid_core.losses.precision import at_least_float32

__all__ = ["angle_relation", "cosine_relation", "distance_relation"]


def distance_relation(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Mean over pairs i != j of Huber(d_ij / mean d of the student, the same of the teacher); a scalar.

    Embeddings (B, D) and (B, D'), widths may differ; detach the teacher's. Equations 5 to 8, as a mean. 0 for B < 2.
    """
    return _huber(_relative_distances(student), _relative_distances(teacher), _pairs(student))


def angle_relation(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Mean over triples of different images of Huber(cos of the angle at j in i-j-k, the same of the teacher).

    Embeddings (B, D) and (B, D'), widths may differ; detach the teacher's. Equations 9 and 10, as a mean; a scalar, 0
    for B < 3. An angle at a place that two images share counts as a right one.
    """
    apart = _pairs(student)
    triples = apart[:, :, None] & apart[:, None, :] & apart[None, :, :]
    return _huber(_angles(student), _angles(teacher), triples)


def cosine_relation(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Mean over the batch of 1 - cosine of an image's two embeddings, both (B, D); a scalar in 0..2."""
    return 1.0 - functional.cosine_similarity(at_least_float32(student), at_least_float32(teacher), dim=1).mean()


def _pairs(rows: torch.Tensor) -> torch.Tensor:
    """(B, B), true off the diagonal."""
    return ~torch.eye(len(rows), dtype=torch.bool, device=rows.device)


def _huber(student: torch.Tensor, teacher: torch.Tensor, which: torch.Tensor) -> torch.Tensor:
    """Equation 8 with delta 1, a mean over `which`."""
    each = functional.smooth_l1_loss(student, teacher, reduction="none")
    return torch.where(which, each, 0.0).sum() / which.sum().clamp(min=1)


def _products(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Inner products (B, B) of rows seen from their mean, which loses fewer digits, and distances (B, B)."""
    centred = at_least_float32(rows)
    centred = centred - centred.mean(dim=0, keepdim=True)
    products = centred @ centred.T
    lengths = products.diagonal()
    squares = lengths[:, None] + lengths[None, :] - 2.0 * products
    # what is left of two equal rows is rounding, and the root has no slope at 0
    resolution = 16 * torch.finfo(products.dtype).eps * (lengths[:, None] + lengths[None, :])
    apart = (squares > resolution) & _pairs(rows)
    return products, torch.where(apart, squares, 1.0).sqrt() * apart


def _relative_distances(rows: torch.Tensor) -> torch.Tensor:
    """Equation 5 with the mean of equation 6, (B, B)."""
    _, distances = _products(rows)
    mean = distances.sum() / _pairs(rows).sum().clamp(min=1)
    return distances / mean.clamp(min=torch.finfo(distances.dtype).tiny)


def _angles(rows: torch.Tensor) -> torch.Tensor:
    """[j, i, k] is the cosine of the angle at j between the ways to i and k (equation 9), (B, B, B)."""
    products, distances = _products(rows)
    own = products.diagonal()
    # (x_i - x_j)(x_k - x_j) = x_i x_k - x_j x_i - x_j x_k + x_j x_j
    between = products[None, :, :] - products[:, :, None] - products[:, None, :] + own[:, None, None]
    lengths = distances[:, :, None] * distances[:, None, :]
    return torch.where(lengths > 0, between / torch.where(lengths > 0, lengths, 1.0), 0.0)
