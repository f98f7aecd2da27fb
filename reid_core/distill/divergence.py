"""How far apart two networks' class probabilities are."""

from __future__ import annotations

import torch

from reid_core.losses.precision import at_least_float32

__all__ = ["js_divergence", "kl_divergence"]


def js_divergence(
    student_logits: torch.Tensor, teacher_logits: torch.Tensor, *, temperature: float = 16.0
) -> torch.Tensor:
    """Mean over the batch of T^2 / 2 (KL(p_s || p_t) + KL(p_t || p_s)), p = softmax(logits / T); a scalar.

    Both (B, C); detach the teacher's. FastReID's jsdiv: the symmetric divergence of Jeffreys, in the scale of Hinton
    et al., "Distilling the Knowledge" (2015).
    """
    student, teacher = (_log_probabilities(logits, temperature) for logits in (student_logits, teacher_logits))
    each = ((student.exp() - teacher.exp()) * (student - teacher)).sum(dim=1)
    return temperature**2 / 2 * each.mean()


def kl_divergence(
    student_logits: torch.Tensor, teacher_logits: torch.Tensor, *, temperature: float = 16.0
) -> torch.Tensor:
    """Mean over the batch of T^2 KL(p_t || p_s), p = softmax(logits / T); a scalar.

    Both (B, C); detach the teacher's. Hinton et al., "Distilling the Knowledge in a Neural Network" (2015), section 2:
    with T^2 the gradient keeps its size whatever T is. Its gradient is that of the cross-entropy of soft targets.
    """
    student, teacher = (_log_probabilities(logits, temperature) for logits in (student_logits, teacher_logits))
    return temperature**2 * (teacher.exp() * (teacher - student)).sum(dim=1).mean()


def _log_probabilities(logits: torch.Tensor, temperature: float) -> torch.Tensor:
    return (at_least_float32(logits) / temperature).log_softmax(dim=1)
