"""`MODEL.BACKBONE`: its name becomes a backbone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, cast, runtime_checkable

from torch import nn

from reid_core.config.backbones import size_of
from reid_core.config.schema.model import Backbone
from reid_core.modeling.backbones import MobileNetV2, ResNet, ResNetDepth
from reid_core.modeling.backbones.mobilenet_v2 import WIDTHS
from reid_core.modeling.layers import Norm
from reid_core.modeling.registry.names import choose, unknown_name

__all__ = ["BACKBONES", "FeatureExtractor", "build_backbone"]


@runtime_checkable
class FeatureExtractor(Protocol):
    """What a backbone must be besides an nn.Module: it knows the width of its feature map."""

    feature_dim: int


def _size(settings: Backbone) -> str:
    return size_of(settings.name, settings.depth)


def _norm(settings: Backbone) -> Norm:
    return choose(Norm, "MODEL.BACKBONE.NORM", settings.norm)


def _resnet(settings: Backbone) -> nn.Module:
    return ResNet(
        choose(ResNetDepth, "MODEL.BACKBONE.DEPTH", _size(settings)),
        last_stride=settings.last_stride,
        norm=_norm(settings),
        with_ibn=settings.with_ibn,
        with_se=settings.with_se,
        with_nl=settings.with_nl,
    )


def _mobilenet_v2(settings: Backbone) -> nn.Module:
    size = _size(settings)
    if size not in WIDTHS:
        raise unknown_name("MODEL.BACKBONE.DEPTH", size, WIDTHS)
    return MobileNetV2(WIDTHS[size], _norm(settings))


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
