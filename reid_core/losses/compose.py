"""The weighted sum of losses that a configuration names: the border where names become losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import torch
from torch import nn

from reid_core.config import Config, suggest
from reid_core.config.schema.losses import CrossEntropy, Triplet
from reid_core.config.schema.losses import Losses as LossSettings
from reid_core.errors import ConfigError, Finding
from reid_core.losses.center import CenterLoss
from reid_core.losses.cross_entropy import adaptive_cross_entropy, cross_entropy
from reid_core.losses.triplet import Metric, Mining, triplet_loss
from reid_core.modeling.heads import HeadOutputs

__all__ = ["LOSSES", "Losses", "Term", "build_losses"]

LossFunction: TypeAlias = Callable[[HeadOutputs, torch.Tensor], torch.Tensor]


class Term(NamedTuple):
    """One loss of the sum: its name in logs, its weight, its function, and its parameters if it has any."""

    name: str
    scale: float
    function: LossFunction
    module: nn.Module | None = None


class Losses(nn.Module):
    """All losses of a training. Its parameters (class centers) and state dict are the losses' own, not the model's."""

    def __init__(self, terms: tuple[Term, ...]) -> None:
        super().__init__()
        self.terms = terms
        for term in terms:
            if term.module is not None:
                self.add_module(term.name, term.module)

    def forward(self, outputs: HeadOutputs, targets: torch.Tensor) -> dict[str, torch.Tensor]:
        """Weighted scalars by name, in the order of MODEL.LOSSES.NAME; the training loss is their sum.

        targets (B,) are class indices. Names as FastReID logs them: loss_cls, loss_triplet; and loss_center.
        """
        return {term.name: term.scale * term.function(outputs, targets) for term in self.terms}


def build_losses(config: Config, num_classes: int, feature_dim: int) -> Losses:
    """The losses of MODEL.LOSSES for `num_classes` identities and features (B, feature_dim) (`model.metric_dim`).

    ConfigError: a name that is not available.
    """
    settings = config.model.losses
    for name in settings.name:
        if name not in LOSSES:
            raise ConfigError(_unknown(name))
    return Losses(tuple(LOSSES[name](settings, num_classes, feature_dim) for name in settings.name))


def _unknown(name: str) -> Finding:
    known = sorted(LOSSES)
    hint = suggest(name, known) or f"known: {', '.join(known)}"
    return Finding("unknown-name", f"MODEL.LOSSES.NAME {name!r} is not available", hint=hint, key="MODEL.LOSSES.NAME")


def _cross_entropy_term(settings: LossSettings, num_classes: int, feature_dim: int) -> Term:
    del num_classes, feature_dim
    return Term("loss_cls", settings.ce.scale, _cross_entropy_function(settings.ce))


def _cross_entropy_function(settings: CrossEntropy) -> LossFunction:
    if settings.epsilon < 0:
        return lambda outputs, targets: adaptive_cross_entropy(outputs.logits, targets, alpha=settings.alpha)
    return lambda outputs, targets: cross_entropy(outputs.logits, targets, smoothing=settings.epsilon)


def _triplet_term(settings: LossSettings, num_classes: int, feature_dim: int) -> Term:
    del num_classes, feature_dim
    return Term("loss_triplet", settings.tri.scale, _triplet_function(settings.tri))


def _triplet_function(settings: Triplet) -> LossFunction:
    soft_margin = settings.soft_margin or settings.margin == 0.0  # FastReID's spelling of the soft margin is margin 0
    metric = Metric.COSINE if settings.norm_feat else Metric.EUCLIDEAN
    mining = Mining.HARD if settings.hard_mining else Mining.WEIGHTED
    return lambda outputs, targets: triplet_loss(
        outputs.features,
        targets,
        margin=settings.margin,
        soft_margin=soft_margin,
        metric=metric,
        mining=mining,
    )


def _center_term(settings: LossSettings, num_classes: int, feature_dim: int) -> Term:
    module = CenterLoss(num_classes, feature_dim)
    return Term(
        "loss_center",
        settings.center.scale,
        lambda outputs, targets: module(outputs.features, targets),
        module,
    )


LOSSES: dict[str, Callable[[LossSettings, int, int], Term]] = {
    "CenterLoss": _center_term,
    "CrossEntropyLoss": _cross_entropy_term,
    "TripletLoss": _triplet_term,
}
"""`MODEL.LOSSES.NAME` -> a function of MODEL.LOSSES, the number of classes and the feature width."""
