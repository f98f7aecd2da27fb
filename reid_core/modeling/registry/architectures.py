"""`MODEL.META_ARCHITECTURE`: its name becomes the way backbone and heads are put together."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from torch import nn

from reid_core.config.schema.model import Model
from reid_core.errors import ConfigError, Finding
from reid_core.modeling.architectures import (
    MGN,
    PCB,
    Architecture,
    Baseline,
    ContrastSettings,
    MoCo,
    MoCoV2,
    PixelStatistics,
)
from reid_core.modeling.backbones.residual import ResidualNet
from reid_core.modeling.heads import EmbeddingHead
from reid_core.modeling.registry.names import unknown_name

__all__ = ["ARCHITECTURES", "MakeHead", "build_architecture"]

MakeHead: TypeAlias = Callable[[], EmbeddingHead]
"""A new head of MODEL.HEADS for the backbone's feature map."""


def _pixels(settings: Model) -> PixelStatistics:
    return PixelStatistics(settings.pixel_mean, settings.pixel_std)


def _baseline(settings: Model, backbone: nn.Module, make_head: MakeHead) -> Architecture:
    return Baseline(backbone, make_head(), _pixels(settings))


def _mgn(settings: Model, backbone: nn.Module, make_head: MakeHead) -> Architecture:
    if not isinstance(backbone, ResidualNet):
        finding = Finding(
            "impossible",
            f"MGN is made of a ResNet or ResNeXt, not of {settings.backbone.name}",
            hint="set MODEL.BACKBONE.NAME to build_resnet_backbone, or MODEL.META_ARCHITECTURE to PCB",
            key="MODEL.META_ARCHITECTURE",
        )
        raise ConfigError(finding)
    return MGN(backbone, make_head, _pixels(settings))


def _moco(settings: Model, backbone: nn.Module, make_head: MakeHead) -> Architecture:
    return MoCo(
        backbone,
        make_head(),
        _pixels(settings),
        queue_size=settings.queue_size,
        key_momentum=settings.key_momentum,
    )


def _moco_v2(settings: Model, backbone: nn.Module, make_head: MakeHead) -> Architecture:
    contrast = settings.contrast
    parts = ContrastSettings(
        contrast.dim, settings.queue_size, settings.key_momentum, contrast.temperature, contrast.splits
    )
    return MoCoV2(backbone, make_head(), _pixels(settings), parts)


def _pcb(settings: Model, backbone: nn.Module, make_head: MakeHead) -> Architecture:
    return PCB(backbone, make_head, settings.heads.parts, _pixels(settings))


ARCHITECTURES: dict[str, Callable[[Model, nn.Module, MakeHead], Architecture]] = {
    "Baseline": _baseline,
    "MGN": _mgn,
    "MoCo": _moco,
    "MoCoV2": _moco_v2,
    "PCB": _pcb,
}
"""`MODEL.META_ARCHITECTURE` -> a function of MODEL, the backbone and a maker of heads."""


def build_architecture(settings: Model, backbone: nn.Module, make_head: MakeHead) -> Architecture:
    """The model that `settings` names, of a backbone that has its pretrained weights already."""
    name = settings.meta_architecture
    if name not in ARCHITECTURES:
        raise unknown_name("MODEL.META_ARCHITECTURE", name, ARCHITECTURES)
    return ARCHITECTURES[name](settings, backbone, make_head)
