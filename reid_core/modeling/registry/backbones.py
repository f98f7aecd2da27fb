"""`MODEL.BACKBONE`: its name becomes a backbone."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import partial
from typing import Protocol, TypeVar, cast, runtime_checkable

from torch import nn

from reid_core.config.backbones import FAMILIES, size_of
from reid_core.config.schema.model import Backbone
from reid_core.modeling.backbones import (
    EfficientNet,
    MobileNetV2,
    MobileNetV3,
    MobileNetV3Size,
    OSNet,
    OSNetAin,
    RegNet,
    RepVGG,
    ResNeSt,
    ResNeStDepth,
    ResNet,
    ResNetDepth,
    ResNeXt,
    ResNeXtDepth,
    ShuffleNetV2,
)
from reid_core.modeling.backbones.efficientnet import SIZES as EFFICIENTNET_SIZES
from reid_core.modeling.backbones.mobilenet_v2 import WIDTHS as MOBILENET_WIDTHS
from reid_core.modeling.backbones.osnet import WIDTHS as OSNET_WIDTHS
from reid_core.modeling.backbones.regnet import SIZES as REGNET_SIZES
from reid_core.modeling.backbones.repvgg import SIZES as REPVGG_SIZES
from reid_core.modeling.backbones.shufflenet_v2 import WIDTHS as SHUFFLENET_WIDTHS
from reid_core.modeling.backbones.vision_transformer import VIT_SIZES, VisionTransformer
from reid_core.modeling.layers import IbnKind, Norm
from reid_core.modeling.registry.names import choose, unknown_name
from reid_core.modeling.registry.own_backbone import build_own_backbone

__all__ = ["BACKBONES", "SIZED_BACKBONES", "FeatureExtractor", "build_backbone"]

_log = logging.getLogger(__name__)

_Size = TypeVar("_Size")


@runtime_checkable
class FeatureExtractor(Protocol):
    """What a backbone must be besides an nn.Module: it knows the width of its feature map."""

    feature_dim: int


def _size(settings: Backbone) -> str:
    return size_of(settings.name, settings.depth)


def _of_size(settings: Backbone, sizes: Mapping[str, _Size]) -> _Size:
    """What MODEL.BACKBONE.DEPTH means among `sizes`. Raises ConfigError."""
    size = _size(settings)
    if size not in sizes:
        raise unknown_name("MODEL.BACKBONE.DEPTH", size, sizes)
    return sizes[size]


def _norm(settings: Backbone) -> Norm:
    return choose(Norm, "MODEL.BACKBONE.NORM", settings.norm)


def _residual(build: Callable[..., nn.Module], depths: type[StrEnum], settings: Backbone) -> nn.Module:
    return build(
        choose(depths, "MODEL.BACKBONE.DEPTH", _size(settings)),
        last_stride=settings.last_stride,
        norm=_norm(settings),
        with_ibn=settings.with_ibn,
        ibn_kind=choose(IbnKind, "MODEL.BACKBONE.IBN_KIND", settings.ibn_kind),
        with_se=settings.with_se,
        with_nl=settings.with_nl,
    )


def _resnest(settings: Backbone) -> nn.Module:
    depth = choose(ResNeStDepth, "MODEL.BACKBONE.DEPTH", _size(settings))
    return ResNeSt(depth, last_stride=settings.last_stride, norm=_norm(settings))


def _osnet(settings: Backbone) -> nn.Module:
    size = _size(settings)
    width = size.removeprefix("ain_")
    if width not in OSNET_WIDTHS:
        raise unknown_name("MODEL.BACKBONE.DEPTH", size, FAMILIES[settings.name].sizes)
    if size == width:
        return OSNet(OSNET_WIDTHS[width], norm=_norm(settings), with_ibn=settings.with_ibn)
    if settings.with_ibn:
        _log.warning("MODEL.BACKBONE.WITH_IBN changes nothing: OSNet %s has instance normalisation of its own", size)
    return OSNetAin(OSNET_WIDTHS[width], norm=_norm(settings))


def _regnet(settings: Backbone) -> nn.Module:
    return RegNet(_of_size(settings, REGNET_SIZES), last_stride=settings.last_stride, norm=_norm(settings))


def _mobilenet_v2(settings: Backbone) -> nn.Module:
    return MobileNetV2(_of_size(settings, MOBILENET_WIDTHS), _norm(settings))


def _mobilenet_v3(settings: Backbone) -> nn.Module:
    return MobileNetV3(choose(MobileNetV3Size, "MODEL.BACKBONE.DEPTH", _size(settings)), _norm(settings))


def _shufflenet_v2(settings: Backbone) -> nn.Module:
    return ShuffleNetV2(_of_size(settings, SHUFFLENET_WIDTHS), _norm(settings))


def _efficientnet(settings: Backbone) -> nn.Module:
    size = _of_size(settings, EFFICIENTNET_SIZES)
    return EfficientNet(size, last_stride=settings.last_stride, norm=_norm(settings))


def _repvgg(settings: Backbone) -> nn.Module:
    return RepVGG(_of_size(settings, REPVGG_SIZES), last_stride=settings.last_stride, norm=_norm(settings))


def _vision_transformer(settings: Backbone, image_size: tuple[int, int]) -> nn.Module:
    return VisionTransformer(
        image_size,
        _of_size(settings, VIT_SIZES),
        stride=settings.stride_size,
        dropout=settings.drop_ratio,
        attention_dropout=settings.att_drop_rate,
        drop_path=settings.drop_path_ratio,
        cameras=settings.sie_cameras,
        camera_weight=settings.sie_coe,
    )


BACKBONES: dict[str, Callable[[Backbone], nn.Module]] = {
    "build_effnet_backbone": _efficientnet,
    "build_mobilenetv2_backbone": _mobilenet_v2,
    "build_mobilenetv3_backbone": _mobilenet_v3,
    "build_osnet_backbone": _osnet,
    "build_regnet_backbone": _regnet,
    "build_repvgg_backbone": _repvgg,
    "build_resnest_backbone": _resnest,
    "build_resnet_backbone": partial(_residual, ResNet, ResNetDepth),
    "build_resnext_backbone": partial(_residual, ResNeXt, ResNeXtDepth),
    "build_shufflenetv2_backbone": _shufflenet_v2,
}
"""`MODEL.BACKBONE.NAME` -> a function of MODEL.BACKBONE that gives a module with `feature_dim`."""

SIZED_BACKBONES: dict[str, Callable[[Backbone, tuple[int, int]], nn.Module]] = {
    "build_vit_backbone": _vision_transformer,
}
"""The same for those whose weights depend on the images' height and width too."""


def build_backbone(settings: Backbone, image_size: tuple[int, int]) -> tuple[nn.Module, int]:
    """The backbone that `settings` names for images of this height and width, randomly initialised, and its width."""
    for switch in sorted(FAMILIES[settings.name].idle if settings.name in FAMILIES else ()):
        if getattr(settings, switch.lower()):
            _log.warning("MODEL.BACKBONE.%s changes nothing: %s has none, in FastReID neither", switch, settings.name)
    if settings.name in SIZED_BACKBONES:
        backbone = SIZED_BACKBONES[settings.name](settings, image_size)
    elif settings.name in BACKBONES:
        backbone = BACKBONES[settings.name](settings)
    elif ":" in settings.name:
        backbone = build_own_backbone(settings)
    else:
        raise unknown_name("MODEL.BACKBONE.NAME", settings.name, [*BACKBONES, *SIZED_BACKBONES])
    if not isinstance(backbone, FeatureExtractor):
        raise TypeError(f"the module of {settings.name} has no attribute feature_dim, the channels of its feature map")
    return cast("nn.Module", backbone), backbone.feature_dim
