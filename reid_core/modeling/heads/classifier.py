"""Softmax classifiers as functions of features and class weights."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import torch
from torch.nn import functional

from reid_core.losses.precision import at_least_float32

__all__ = ["LINEAR", "Classifier", "ClassifierKind"]


class ClassifierKind(StrEnum):
    """FastReID's spelling of `MODEL.HEADS.CLS_LAYER`."""

    LINEAR = "Linear"
    COSINE = "CosSoftmax"
    ARC = "ArcSoftmax"
    CIRCLE = "CircleSoftmax"


@dataclass(frozen=True, slots=True)
class Classifier:
    """How features and class weights become logits.

    LINEAR: features @ weight.T; as in FastReID, `scale` multiplies only its plain logits.
    The others see cosines and make the target's harder by a margin: COSINE as Wang et al., "CosFace" (CVPR 2018), ARC
    as Deng et al., "ArcFace" (CVPR 2019), CIRCLE as Sun et al., "Circle Loss" (CVPR 2020); `scale` multiplies both.
    """

    kind: ClassifierKind = ClassifierKind.LINEAR
    scale: float = 1.0
    margin: float = 0.0

    def __call__(
        self, features: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits for the loss and plain logits, both (B, C), of features (B, D), class weights (C, D), targets (B,).

        Without targets there is no margin.
        """
        if self.kind is ClassifierKind.LINEAR:
            logits = functional.linear(features, weight)
            return logits, logits * self.scale
        # in float32: short types have no number between 1 - 1e-6 and 1, where the arc cosine has a slope
        unit, classes = (functional.normalize(at_least_float32(x)) for x in (features, weight))
        cosines = at_least_float32(functional.linear(unit, classes))
        plain = cosines * self.scale
        if targets is None:
            return plain, plain
        is_target = functional.one_hot(targets, weight.shape[0]).bool()
        return _with_margin(self.kind, cosines, is_target, self.margin) * self.scale, plain


LINEAR = Classifier()
"""The plain classifier, without scale and margin."""


def _with_margin(kind: ClassifierKind, cosines: torch.Tensor, is_target: torch.Tensor, margin: float) -> torch.Tensor:
    match kind:
        case ClassifierKind.COSINE:
            return torch.where(is_target, cosines - margin, cosines)
        case ClassifierKind.ARC:
            return torch.where(is_target, _add_angle(cosines, margin), cosines)
        case ClassifierKind.CIRCLE:
            return torch.where(is_target, _circle_positive(cosines, margin), _circle_negative(cosines, margin))
        case ClassifierKind.LINEAR:
            return cosines


def _add_angle(cosines: torch.Tensor, margin: float) -> torch.Tensor:
    """cos(arccos(c) + margin); clamped because the arc cosine has no slope at +-1 and no value beyond (rounding)."""
    limit = 1.0 - 1e-6
    return (cosines.clamp(-limit, limit).acos() + margin).cos()


def _circle_positive(cosines: torch.Tensor, margin: float) -> torch.Tensor:
    weight = (1 + margin - cosines.detach()).clamp(min=0.0)
    return weight * (cosines - (1 - margin))


def _circle_negative(cosines: torch.Tensor, margin: float) -> torch.Tensor:
    weight = (cosines.detach() + margin).clamp(min=0.0)
    return weight * (cosines - margin)
