"""Pooling, optional reduction, BNNeck, classifier."""

from __future__ import annotations

from enum import StrEnum

import torch
from torch import nn

from reid_core.errors import ConfigError, Finding
from reid_core.losses.outputs import HeadOutputs
from reid_core.modeling.heads.classifier import LINEAR, Classifier
from reid_core.modeling.layers import Norm, Pool, make_norm, make_pool

__all__ = ["EmbeddingHead", "NeckFeature"]


class NeckFeature(StrEnum):
    """Which features metric losses see (`MODEL.HEADS.NECK_FEAT`): those before or after the neck."""

    BEFORE = "before"
    AFTER = "after"


class EmbeddingHead(nn.Module):
    """FastReID's EmbeddingHead; with `with_bnneck` the head of Luo et al., "Bag of Tricks" (CVPRW 2019).

    Pools a feature map to `feature_dim` numbers, reduces them to `embedding_dim` if that is above 0, normalises them
    (BNNeck, its bias frozen at 0) and classifies them without bias. Evaluation returns the embedding after the neck,
    (B, `embedding_dim` of this object), training HeadOutputs; `metric_dim` is the width of its `features`. A feature
    map is (B, channels, h, w), or (B, channels) where the backbone leaves nothing to pool.
    """

    def __init__(
        self,
        feature_dim: int,
        num_classes: int,
        *,
        pool: Pool = Pool.AVERAGE,
        embedding_dim: int = 0,
        with_bnneck: bool = True,
        norm: Norm = Norm.BATCH,
        neck_feature: NeckFeature = NeckFeature.BEFORE,
        classifier: Classifier = LINEAR,
    ) -> None:
        super().__init__()
        self.pool_layer = make_pool(pool, feature_dim)
        self.feature_dim = feature_dim
        self.embedding_dim = embedding_dim if embedding_dim > 0 else feature_dim
        self.metric_dim = feature_dim if neck_feature is NeckFeature.BEFORE else self.embedding_dim
        self.neck_feature = neck_feature
        self.classifier = classifier
        neck: list[nn.Module] = []
        if embedding_dim > 0:
            reduction = nn.Conv2d(feature_dim, embedding_dim, kernel_size=1, bias=False)
            nn.init.kaiming_normal_(reduction.weight, mode="fan_out")
            neck.append(reduction)
        if with_bnneck:
            neck.append(make_norm(norm, self.embedding_dim, bias_frozen=True))
        self.bottleneck = nn.Sequential(*neck)
        self.weight = nn.Parameter(torch.empty(num_classes, self.embedding_dim))
        nn.init.normal_(self.weight, std=0.01)

    @property
    def num_classes(self) -> int:
        """C, the number of training identities."""
        return self.weight.shape[0]

    def embed(self, feature_map: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """A feature map -> features before (B, feature_dim) and after (B, embedding_dim) the neck.

        ConfigError when pooling leaves more or fewer numbers than the head was built for: Flatten and Identity do that
        with maps of another size.
        """
        if feature_map.dim() == 2:
            feature_map = feature_map[:, :, None, None]
        pooled: torch.Tensor = self.pool_layer(feature_map)
        if pooled.shape[1:] != (self.feature_dim, 1, 1):
            raise _not_a_vector(self.feature_dim, feature_map.shape, pooled.shape)
        after: torch.Tensor = self.bottleneck(pooled)
        return pooled[..., 0, 0], after[..., 0, 0]

    def classify(self, feature_map: torch.Tensor, targets: torch.Tensor | None = None) -> HeadOutputs:
        """A feature map and targets (B,) -> what losses see."""
        before, after = self.embed(feature_map)
        logits, plain = self.classifier(after, self.weight, targets)
        features = before if self.neck_feature is NeckFeature.BEFORE else after
        return HeadOutputs(features=features, logits=logits, plain_logits=plain, embedding=after)

    def forward(self, feature_map: torch.Tensor, targets: torch.Tensor | None = None) -> torch.Tensor | HeadOutputs:
        """`classify` while training, else embeddings (B, embedding_dim)."""
        return self.classify(feature_map, targets) if self.training else self.embed(feature_map)[1]


def _not_a_vector(feature_dim: int, given: torch.Size, pooled: torch.Size) -> ConfigError:
    hint = "Identity needs a backbone that gives one vector an image, Flatten images of INPUT.SIZE_TRAIN"
    key = "MODEL.HEADS.POOL_LAYER"
    if pooled[2:] == (1, 1) and pooled[1] == given[1]:
        hint = f"the backbone says feature_dim {feature_dim}, and gives {given[1]} channels: correct one of them"
        key = "MODEL.BACKBONE.NAME"
    return ConfigError(
        Finding(
            "impossible",
            f"pooling makes {tuple(pooled[1:])} of a map {tuple(given[1:])}, and the head takes ({feature_dim}, 1, 1)",
            hint=hint,
            key=key,
        )
    )
