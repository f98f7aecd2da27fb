"""A head whose classifier sees, in each training step, the classes of the batch and a random sample of the others."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch.nn import functional

from reid_core.losses.outputs import HeadOutputs
from reid_core.modeling.heads.embedding_head import EmbeddingHead, NeckFeature

__all__ = ["SampledHead", "sampled_classes"]


class SampledHead(EmbeddingHead):
    """Partial FC (An et al. 2021, "Partial FC: training 10 million identities on a single machine", section 3.2).

    A step's logits are of `sample_rate` of the C classes, those of the batch always among them; `HeadOutputs.classes`
    names them. At rate 1, without targets, and in evaluation it is an EmbeddingHead, number for number. The sample is
    drawn from torch's CPU stream, which the engine seeds by (seed, epoch): a resumed run draws what it would have.

    `drawn_rows` are the classes of this step, None for all: the others' rows of `weight` rest (reid_core.solver).
    """

    def __init__(self, *arguments: Any, sample_rate: float, **settings: Any) -> None:
        if not 0.0 < sample_rate <= 1.0:
            raise ValueError(f"sample_rate is {sample_rate}; it must be above 0 and at most 1")
        super().__init__(*arguments, **settings)
        self.sample_rate = sample_rate
        self._drawn: torch.Tensor | None = None

    @property
    def drawn_rows(self) -> torch.Tensor | None:
        """The sorted classes (S,) that the logits since the last update are of; None when that is all of them."""
        return self._drawn

    def classify(self, feature_map: torch.Tensor, targets: torch.Tensor | None = None) -> HeadOutputs:
        """As EmbeddingHead, while training with targets (B,) for S of the classes only: logits are (B, S)."""
        if not self.training or targets is None or self.sample_rate == 1.0:
            return super().classify(feature_map, targets)
        before, after = self.embed(feature_map)
        classes = sampled_classes(targets, self.num_classes, self.sample_rate)
        weight = functional.embedding(classes, self.weight)
        logits, plain = self.classifier(after, weight, torch.searchsorted(classes, targets))
        self._note(classes)
        features = before if self.neck_feature is NeckFeature.BEFORE else after
        return HeadOutputs(features=features, logits=logits, plain_logits=plain, embedding=after, classes=classes)

    def _note(self, classes: torch.Tensor) -> None:
        """Micro-batches of one update add up; where there is no gradient yet, a new one begins."""
        known = None if self.weight.grad is None else self._drawn
        self._drawn = classes if known is None else torch.unique(torch.cat([known, classes]))


def sampled_classes(targets: torch.Tensor, classes: int, rate: float) -> torch.Tensor:
    """Sorted classes (S,): all of `targets` (B,), filled up to ceil(rate * `classes`) with others, each as likely."""
    wanted = math.ceil(rate * classes)
    own: torch.Tensor = torch.unique(targets)
    if len(own) >= wanted:
        return own
    order = torch.rand(classes).to(targets.device)  # drawn on the CPU: one stream for every device
    order[own] = 2.0
    chosen: torch.Tensor = order.topk(wanted).indices.sort().values
    return chosen
