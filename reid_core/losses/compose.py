"""The weighted sum of losses that a configuration names: the border where names become losses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import partial
from typing import NamedTuple, TypeAlias

import torch
from torch import nn

from reid_core.config import Config, suggest
from reid_core.config.schema.losses import Circle, Cosface, CrossEntropy, Triplet
from reid_core.config.schema.losses import Losses as LossSettings
from reid_core.errors import ConfigError, Finding
from reid_core.losses.binary import BinaryCrossEntropy
from reid_core.losses.center import CenterLoss
from reid_core.losses.cross_entropy import Spread, adaptive_cross_entropy, cross_entropy
from reid_core.losses.focal import focal_loss
from reid_core.losses.outputs import Outputs
from reid_core.losses.pairwise import circle_loss, cosface_loss
from reid_core.losses.triplet import Metric, Mining, triplet_loss

__all__ = ["LOSSES", "Losses", "Sees", "Term", "binary_term", "build_losses"]

LossFunction: TypeAlias = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""(features or logits (B, ...), targets (B,)) -> a scalar; an nn.Module where the loss has parameters."""


class Sees(StrEnum):
    """Which member of a branch's outputs a loss is a function of."""

    FEATURES = "features"
    LOGITS = "logits"


class Term(NamedTuple):
    """One loss of the sum on one branch: its name in logs, what it sees, its weight, and its function."""

    name: str
    sees: Sees
    scale: float
    function: LossFunction


class Losses(nn.Module):
    """All losses of a training. Its parameters (class centers) and state dict are the losses' own, not the model's.

    `terms` has, for each loss, its term by branch with features; one that sees logits is the same on every branch.
    """

    def __init__(self, terms: Sequence[Mapping[str, Term]]) -> None:
        super().__init__()
        self.terms = terms
        for by_branch in terms:
            for branch, term in by_branch.items():
                if isinstance(term.function, nn.Module):
                    self.add_module(_in_logs(term, branch), term.function)

    def forward(self, outputs: Outputs, targets: torch.Tensor) -> dict[str, torch.Tensor]:
        """Weighted scalars by name, in the order of MODEL.LOSSES.NAME; the training loss is their sum.

        targets (B,) are class indices. A loss is the mean over the branches that have what it sees, as in FastReID's
        MGN, whose names in logs are kept: loss_cls, loss_triplet, loss_center, of a branch b22 loss_cls_b22.
        """
        return {name: value for by_branch in self.terms for name, value in _on_branches(by_branch, outputs, targets)}


def build_losses(config: Config, num_classes: int, feature_dims: int | Mapping[str, int]) -> Losses:
    """The losses of MODEL.LOSSES for `num_classes` identities and features (B, D) by branch, D as `feature_dims` says.

    That is `model.metric_dims`; a number is the D of a model with one unnamed branch. ConfigError: a name that is not
    available.
    """
    settings = config.model.losses
    for name in settings.name:
        if name not in LOSSES:
            raise ConfigError(_unknown(name))
    widths = {"": feature_dims} if isinstance(feature_dims, int) else feature_dims
    return Losses(
        [
            {branch: LOSSES[name](settings, num_classes, width) for branch, width in widths.items()}
            for name in settings.name
        ]
    )


def _on_branches(
    by_branch: Mapping[str, Term], outputs: Outputs, targets: torch.Tensor
) -> Iterator[tuple[str, torch.Tensor]]:
    any_term = next(iter(by_branch.values()))
    seen = {branch: getattr(one, any_term.sees) for branch, one in outputs.items()}
    seen = {branch: tensor for branch, tensor in seen.items() if tensor is not None}
    if not seen:
        raise TypeError(f"{any_term.name} sees {any_term.sees}, and no branch of the model has them")
    for branch, tensor in seen.items():
        term = by_branch[branch] if any_term.sees is Sees.FEATURES else any_term
        classes = outputs[branch].classes if any_term.sees is Sees.LOGITS else None
        aims = targets if classes is None else torch.searchsorted(classes, targets)
        yield _in_logs(term, branch), term.scale / len(seen) * term.function(tensor, aims)


def _in_logs(term: Term, branch: str) -> str:
    return f"{term.name}_{branch}" if branch else term.name


def _unknown(name: str) -> Finding:
    known = sorted(LOSSES)
    hint = suggest(name, known) or f"known: {', '.join(known)}"
    return Finding("unknown-name", f"MODEL.LOSSES.NAME {name!r} is not available", hint=hint, key="MODEL.LOSSES.NAME")


def _cross_entropy(settings: CrossEntropy) -> LossFunction:
    if settings.epsilon < 0:
        return lambda logits, targets: adaptive_cross_entropy(logits, targets, alpha=settings.alpha)
    spread = Spread(settings.spread)
    return lambda logits, targets: cross_entropy(logits, targets, smoothing=settings.epsilon, spread=spread)


def _triplet(settings: Triplet) -> LossFunction:
    soft_margin = settings.soft_margin or settings.margin == 0.0  # FastReID's spelling of the soft margin is margin 0
    metric = Metric.COSINE if settings.norm_feat else Metric.EUCLIDEAN
    mining = Mining.HARD if settings.hard_mining else Mining.WEIGHTED
    return lambda features, targets: triplet_loss(
        features, targets, margin=settings.margin, soft_margin=soft_margin, metric=metric, mining=mining
    )


def binary_term(settings: LossSettings, positive_share: torch.Tensor | None = None) -> Term:
    """The term of BinaryCrossEntropyLoss, weighted by the share of positives (A,) in training where that is given."""
    return Term("loss_bce", Sees.LOGITS, settings.bce.scale, BinaryCrossEntropy(positive_share))


def _binary_term(settings: LossSettings, *_: int) -> Term:
    return binary_term(settings)


def _center_term(settings: LossSettings, num_classes: int, width: int) -> Term:
    return Term("loss_center", Sees.FEATURES, settings.center.scale, CenterLoss(num_classes, width))


def _pairwise(name: str, settings: Circle | Cosface, loss: Callable[..., torch.Tensor]) -> Term:
    function = partial(loss, margin=settings.margin, gamma=settings.gamma)
    return Term(name, Sees.FEATURES, settings.scale, function)


def _circle_term(settings: LossSettings, *_: int) -> Term:
    return _pairwise("loss_circle", settings.circle, circle_loss)


def _cosface_term(settings: LossSettings, *_: int) -> Term:
    return _pairwise("loss_cosface", settings.cosface, cosface_loss)


def _cross_entropy_term(settings: LossSettings, *_: int) -> Term:
    return Term("loss_cls", Sees.LOGITS, settings.ce.scale, _cross_entropy(settings.ce))


def _focal_term(settings: LossSettings, *_: int) -> Term:
    focal = settings.fl
    return Term(
        "loss_focal",
        Sees.LOGITS,
        focal.scale,
        lambda logits, targets: focal_loss(logits, targets, alpha=focal.alpha, gamma=focal.gamma),
    )


def _triplet_term(settings: LossSettings, *_: int) -> Term:
    return Term("loss_triplet", Sees.FEATURES, settings.tri.scale, _triplet(settings.tri))


LOSSES: dict[str, Callable[[LossSettings, int, int], Term]] = {
    "BinaryCrossEntropyLoss": _binary_term,
    "CenterLoss": _center_term,
    "CircleLoss": _circle_term,
    "Cosface": _cosface_term,
    "CrossEntropyLoss": _cross_entropy_term,
    "FocalLoss": _focal_term,
    "TripletLoss": _triplet_term,
}
"""`MODEL.LOSSES.NAME` -> a function of MODEL.LOSSES, the number of classes and the width of a branch's features."""
