"""The border where names of a configuration become modules; nothing else in modeling knows these names."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Protocol, TypeVar, cast, runtime_checkable

from torch import nn

from reid_core.config import suggest
from reid_core.config.schema.model import Backbone, Heads
from reid_core.errors import ConfigError, Finding
from reid_core.modeling.backbones import MobileNetV2, ResNet, ResNetDepth
from reid_core.modeling.backbones.mobilenet_v2 import WIDTHS
from reid_core.modeling.heads import Classifier, ClassifierKind, EmbeddingHead, NeckFeature
from reid_core.modeling.layers import Norm, Pool

__all__ = ["BACKBONES", "HEADS", "FeatureExtractor", "build_backbone", "build_head", "choose", "unknown_name"]

_Name = TypeVar("_Name", bound=StrEnum)


@runtime_checkable
class FeatureExtractor(Protocol):
    """What a backbone must be besides an nn.Module: it knows the width of its feature map."""

    feature_dim: int


def unknown_name(key: str, value: str, known: Iterable[str]) -> ConfigError:
    """The error for a name that is none of `known`, with the nearest of them."""
    names = sorted(known)
    hint = suggest(value, names) or f"known: {', '.join(names)}"
    return ConfigError(Finding("unknown-name", f"{key} {value!r} is not available", hint=hint, key=key))


def choose(kind: type[_Name], key: str, value: str) -> _Name:
    """The member of `kind` spelled `value`; ConfigError that names `key` and the nearest spelling otherwise."""
    try:
        return kind(value)
    except ValueError:
        raise unknown_name(key, value, kind) from None


def _resnet(settings: Backbone) -> nn.Module:
    return ResNet(
        choose(ResNetDepth, "MODEL.BACKBONE.DEPTH", settings.depth),
        last_stride=settings.last_stride,
        norm=choose(Norm, "MODEL.BACKBONE.NORM", settings.norm),
        with_ibn=settings.with_ibn,
        with_se=settings.with_se,
        with_nl=settings.with_nl,
    )


def _mobilenet_v2(settings: Backbone) -> nn.Module:
    # 50x is the default of a key that users of this family do not set: its standard size then.
    depth = "1.0x" if settings.depth == "50x" else settings.depth
    if depth not in WIDTHS:
        raise unknown_name("MODEL.BACKBONE.DEPTH", depth, WIDTHS)
    return MobileNetV2(WIDTHS[depth], choose(Norm, "MODEL.BACKBONE.NORM", settings.norm))


BACKBONES: dict[str, Callable[[Backbone], nn.Module]] = {
    "build_mobilenetv2_backbone": _mobilenet_v2,
    "build_resnet_backbone": _resnet,
}
"""`MODEL.BACKBONE.NAME` -> a function of MODEL.BACKBONE that gives a module with `feature_dim`."""


def build_backbone(settings: Backbone) -> tuple[nn.Module, int]:
    """The backbone that `settings` names, randomly initialised, and the width of its feature map."""
    if settings.name not in BACKBONES:
        raise unknown_name("MODEL.BACKBONE.NAME", settings.name, BACKBONES)
    backbone = BACKBONES[settings.name](settings)
    if not isinstance(backbone, FeatureExtractor):
        raise TypeError(f"the module of {settings.name} has no attribute feature_dim, the channels of its feature map")
    return cast("nn.Module", backbone), backbone.feature_dim


def _embedding_head(settings: Heads, feature_dim: int, num_classes: int) -> EmbeddingHead:
    return EmbeddingHead(
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


HEADS: dict[str, Callable[[Heads, int, int], EmbeddingHead]] = {"EmbeddingHead": _embedding_head}
"""`MODEL.HEADS.NAME` -> a function of MODEL.HEADS, the feature width and the number of classes."""


def build_head(settings: Heads, feature_dim: int, num_classes: int) -> EmbeddingHead:
    """The head that `settings` names for feature maps of `feature_dim` channels and `num_classes` identities."""
    if settings.name not in HEADS:
        raise unknown_name("MODEL.HEADS.NAME", settings.name, HEADS)
    return HEADS[settings.name](settings, feature_dim, num_classes)
