"""What a batch teaches: the terms of distillation as functions of what teacher and student say of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from reid_core.config.schema.distillation import Kd
from reid_core.distill.divergence import js_divergence, kl_divergence
from reid_core.distill.relation import angle_relation, cosine_relation, distance_relation
from reid_core.losses.outputs import Outputs

__all__ = ["Lesson", "taught"]

_COMPARE = {"js": js_divergence, "kl": kl_divergence}


@dataclass(frozen=True, slots=True)
class Lesson:
    """What one teacher says of B images, and the student's answer in its terms; every row is an image's.

    logits: the teacher's by branch, (B, C). embedding: the teacher's, (B, D). own: the student's, (B, d). answer: the
    student's, brought to (B, D). overhaul: the distance of the feature maps, (B,).
    """

    logits: dict[str, torch.Tensor]
    embedding: torch.Tensor | None = None
    own: torch.Tensor | None = None
    answer: torch.Tensor | None = None
    overhaul: torch.Tensor | None = None


def taught(
    settings: Kd, outputs: Outputs, lessons: Sequence[Lesson], weights: Sequence[float], *, yes_or_no: bool = False
) -> dict[str, torch.Tensor]:
    """The terms of KD on a whole batch, weighted scalars by name; of several teachers their mean by `weights`.

    `yes_or_no`: logits are of attributes, each a probability of its own, not of classes that exclude each other.
    """
    terms: dict[str, torch.Tensor] = {}
    for lesson, weight in zip(lessons, weights, strict=True):
        for name, value in _terms(settings, outputs, lesson, yes_or_no=yes_or_no).items():
            share = weight / sum(weights) * value
            terms[name] = terms[name] + share if name in terms else share
    return terms


def _terms(settings: Kd, outputs: Outputs, lesson: Lesson, *, yes_or_no: bool) -> dict[str, torch.Tensor]:
    terms: dict[str, torch.Tensor] = {}
    if settings.logits.scale > 0.0:
        terms["loss_kd_logits"] = settings.logits.scale * _logits(settings, outputs, lesson.logits, yes_or_no=yes_or_no)
    if settings.overhaul.scale > 0.0 and lesson.overhaul is not None:
        terms["loss_overhaul"] = settings.overhaul.scale * lesson.overhaul.mean()
    if lesson.embedding is not None and lesson.own is not None:
        relation, seen = settings.relation, (lesson.own, lesson.embedding)
        parts = [relation.distance_scale * distance_relation(*seen)] if relation.distance_scale > 0.0 else []
        parts += [relation.angle_scale * angle_relation(*seen)] if relation.angle_scale > 0.0 else []
        if parts:
            terms["loss_relation"] = torch.stack(parts).sum()
    if lesson.embedding is not None and lesson.answer is not None:
        terms["loss_embedding"] = settings.embedding.scale * cosine_relation(lesson.answer, lesson.embedding)
    return terms


def _logits(settings: Kd, outputs: Outputs, teacher: Mapping[str, torch.Tensor], *, yes_or_no: bool) -> torch.Tensor:
    """The mean over the student's branches; each is compared with the teacher's branch of its name.

    Where the two have other branches, each learns from the mean of the teacher's logits. Of classes that the student's
    classifier left out of this step, the teacher's are left out too.
    """
    compare = _COMPARE[settings.logits.name]
    own = {branch: one.plain_logits for branch, one in outputs.items() if one.plain_logits is not None}
    if own.keys() != teacher.keys():
        mean = torch.stack(list(teacher.values())).mean(dim=0)
        teacher = dict.fromkeys(own, mean)
    each = []
    for branch, logits in own.items():
        classes, said = outputs[branch].classes, teacher[branch]
        pair = (logits, said if classes is None else said[:, classes])
        answer, wanted = map(_as_pairs, pair) if yes_or_no else pair
        each.append(compare(answer, wanted, temperature=settings.logits.temperature))
    return torch.stack(each).mean()


def _as_pairs(logits: torch.Tensor) -> torch.Tensor:
    """(B, C) of attributes -> (B C, 2), each one's yes and no as two classes: their softmax is its sigmoid."""
    return torch.stack([logits, torch.zeros_like(logits)], dim=2).flatten(0, 1)
