"""A configuration becomes a model."""

from __future__ import annotations

import logging
from pathlib import Path

from reid_core.config import Config
from reid_core.config.schema.model import Backbone
from reid_core.errors import ConfigError, Finding
from reid_core.modeling.baseline import Baseline
from reid_core.modeling.registry import build_backbone, build_head, unknown_name
from reid_core.modeling.weights import load_pretrained

__all__ = ["build_model"]

_log = logging.getLogger(__name__)


def build_model(config: Config, num_classes: int, *, pretrained: bool = True) -> Baseline:
    """The model of `config` with `num_classes` training identities, in training mode, on the CPU, in float32.

    A MODEL.BACKBONE.PRETRAIN_PATH is loaded whatever PRETRAIN says; `pretrained=False` leaves it out, for a model whose
    weights come from a checkpoint. FEAT_DIM is not read: the backbone knows its width, a difference is logged.
    ConfigError: a name that is not available, weights wanted but not given or not there, fewer classes configured
    than there are identities. CheckpointError: the weights are another architecture's.
    """
    settings = config.model
    if settings.meta_architecture != "Baseline":
        raise unknown_name("MODEL.META_ARCHITECTURE", settings.meta_architecture, ("Baseline",))
    weights = _pretrained_path(settings.backbone) if pretrained else None
    backbone, feature_dim = build_backbone(settings.backbone)
    if feature_dim != settings.backbone.feat_dim:
        _log.info(
            "MODEL.BACKBONE.FEAT_DIM %d is not used: %s %s has %d channels",
            settings.backbone.feat_dim,
            settings.backbone.name,
            settings.backbone.depth,
            feature_dim,
        )
    if weights is not None:
        report = load_pretrained(backbone, weights)
        _log.info("%s: %s", weights, report)
    head = build_head(settings.heads, feature_dim, _class_count(settings.heads.num_classes, num_classes))
    return Baseline(backbone, head, pixel_mean=settings.pixel_mean, pixel_std=settings.pixel_std)


def _pretrained_path(settings: Backbone) -> Path | None:
    if settings.pretrain_path:
        return Path(settings.pretrain_path)
    if not settings.pretrain:
        return None
    raise ConfigError(
        Finding(
            "no-weights",
            "MODEL.BACKBONE.PRETRAIN is true but MODEL.BACKBONE.PRETRAIN_PATH is empty; nothing is downloaded",
            hint="set MODEL.BACKBONE.PRETRAIN_PATH to a file of ImageNet weights, or MODEL.BACKBONE.PRETRAIN to false",
            key="MODEL.BACKBONE.PRETRAIN_PATH",
        )
    )


def _class_count(configured: int, identities: int) -> int:
    if configured == 0:
        return identities
    if configured >= identities:
        return configured
    raise ConfigError(
        Finding(
            "too-few-classes",
            f"MODEL.HEADS.NUM_CLASSES is {configured}, but there are {identities} training identities",
            hint="set it to 0 to take the training set's number",
            key="MODEL.HEADS.NUM_CLASSES",
        )
    )
