"""`MODEL.HEADS`: its name becomes a head."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from reid_core.config.schema.model import Heads
from reid_core.modeling.heads import AttributeHead, Classifier, ClassifierKind, EmbeddingHead, NeckFeature, SampledHead
from reid_core.modeling.layers import Norm, Pool
from reid_core.modeling.registry.names import choose, unknown_name

__all__ = ["HEADS", "build_head"]


def _head(kind: Callable[..., EmbeddingHead], settings: Heads, feature_dim: int, num_classes: int) -> EmbeddingHead:
    return kind(
        feature_dim,
        num_classes,
        pool=choose(Pool, "MODEL.HEADS.POOL_LAYER", settings.pool_layer),
        embedding_dim=settings.embedding_dim,
        with_bnneck=settings.with_bnneck,
        norm=choose(Norm, "MODEL.HEADS.NORM", settings.norm),
        neck_feature=choose(NeckFeature, "MODEL.HEADS.NECK_FEAT", settings.neck_feat),
        classifier=Classifier(
            choose(ClassifierKind, "MODEL.HEADS.CLS_LAYER", settings.cls_layer), settings.scale, settings.margin
        ),
    )


def _classifying_head(settings: Heads, feature_dim: int, num_classes: int) -> EmbeddingHead:
    kind = partial(SampledHead, sample_rate=settings.pfc.sample_rate) if settings.pfc.enabled else EmbeddingHead
    return _head(kind, settings, feature_dim, num_classes)


HEADS: dict[str, Callable[[Heads, int, int], EmbeddingHead]] = {
    "AttrHead": partial(_head, AttributeHead),
    "ClasHead": _classifying_head,  # FastReID's differs in evaluation only: ours gives scores when asked
    "EmbeddingHead": _classifying_head,
}
"""`MODEL.HEADS.NAME` -> a function of MODEL.HEADS, the feature width and the number of classes."""


def build_head(settings: Heads, feature_dim: int, num_classes: int) -> EmbeddingHead:
    """The head that `settings` names for feature maps of `feature_dim` channels and `num_classes` identities."""
    if settings.name not in HEADS:
        raise unknown_name("MODEL.HEADS.NAME", settings.name, HEADS)
    return HEADS[settings.name](settings, feature_dim, num_classes)
