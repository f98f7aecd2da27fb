"""The head of a model that says yes or no to several attributes."""

from __future__ import annotations

from typing import Any

import torch

from reid_core.losses.outputs import HeadOutputs
from reid_core.modeling.heads.embedding_head import EmbeddingHead
from reid_core.modeling.layers import Norm, make_norm

__all__ = ["AttributeHead"]


class AttributeHead(EmbeddingHead):
    """FastReID's AttrHead: an EmbeddingHead whose scores, one an attribute, pass a batch norm of their own.

    `num_classes` counts attributes; a score above 0 is a yes with more than an even chance.
    """

    def __init__(self, feature_dim: int, num_classes: int, *, norm: Norm = Norm.BATCH, **settings: Any) -> None:
        super().__init__(feature_dim, num_classes, norm=norm, **settings)
        # groups of attributes mean nothing: a group norm of the neck is none here
        self.bnneck = make_norm(Norm.BATCH if norm is Norm.GROUP else norm, num_classes)

    def classify(self, feature_map: torch.Tensor, targets: torch.Tensor | None = None) -> HeadOutputs:
        """A feature map -> what losses see; `targets` change nothing, a yes or no has no margin."""
        del targets
        outputs = super().classify(feature_map)
        scores = self.bnneck(outputs.plain_logits[..., None, None])[..., 0, 0]
        return HeadOutputs(features=outputs.features, logits=scores, plain_logits=scores, embedding=outputs.embedding)
