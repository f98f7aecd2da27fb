"""How far apart two networks' class probabilities are."""

from __future__ import annotations

import torch

from reid_core.losses.precision import at_least_float32

__all__ = ["js_divergence"]


def js_divergence(
    student_logits: torch.Tensor, teacher_logits: torch.Tensor, *, temperature: float = 16.0
) -> torch.Tensor:
    """Mean over the batch of T^2 / 2 (KL(p_s || p_t) + KL(p_t || p_s)), p = softmax(logits / T); a scalar.

    Both (B, C); detach the teacher's. FastReID's jsdiv: the symmetric divergence of Jeffreys, in the scale of Hinton
    et al., "Distilling the Knowledge" (2015).
    """
    student = (at_least_float32(student_logits) / temperature).log_softmax(dim=1)
    teacher = (at_least_float32(teacher_logits) / temperature).log_softmax(dim=1)
    each = ((student.exp() - teacher.exp()) * (student - teacher)).sum(dim=1)
    return temperature**2 / 2 * each.mean()
