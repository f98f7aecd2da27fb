"""A configuration becomes a model."""

from __future__ import annotations

import logging

import torch
from torch import nn

from reid_core.config import Config
from reid_core.config.weights import StartingWeights, starting_weights
from reid_core.errors import ConfigError, Finding
from reid_core.modeling.architectures import Architecture
from reid_core.modeling.layers import Pool
from reid_core.modeling.registry import build_architecture, build_backbone, build_head
from reid_core.modeling.weights import LoadReport, load_model, load_pretrained

__all__ = ["build_model"]

_log = logging.getLogger(__name__)


def build_model(config: Config, num_classes: int, *, pretrained: bool = True) -> Architecture:
    """The model of `config` with `num_classes` training identities, in training mode, on the CPU, in float32.

    It starts from MODEL.WEIGHTS or MODEL.BACKBONE.PRETRAIN_PATH where one is given (reid_core/config/weights.py);
    `pretrained=False` leaves both out, for a model whose weights come from a checkpoint. FEAT_DIM is not read: the
    backbone knows its width, a difference is logged.
    ConfigError: a name that is not available, weights wanted but not given or not there, fewer classes configured
    than there are identities. CheckpointError: the weights are another architecture's.
    """
    settings = config.model
    start = starting_weights(config) if pretrained else None
    backbone, feature_dim = build_backbone(settings.backbone, config.input.size_train)
    if feature_dim != settings.backbone.feat_dim:
        _log.info(
            "MODEL.BACKBONE.FEAT_DIM %d is not used: %s %s has %d channels",
            settings.backbone.feat_dim,
            settings.backbone.name,
            settings.backbone.depth,
            feature_dim,
        )
    if start is not None and not start.whole:
        _tell(start, load_pretrained(backbone, start.path))
    classes = _class_count(settings.heads.num_classes, num_classes)
    width = _pooled_width(config, backbone, feature_dim)
    model = build_architecture(settings, backbone, lambda: build_head(settings.heads, width, classes))
    if start is not None and start.whole:
        _tell(start, load_model(model, start.path))
    return model


def _pooled_width(config: Config, backbone: nn.Module, feature_dim: int) -> int:
    """How many numbers pooling leaves of an image of INPUT.SIZE_TRAIN: Flatten leaves all of the feature map."""
    if config.model.heads.pool_layer != Pool.FLATTEN:
        return feature_dim
    backbone.eval()
    with torch.no_grad():
        feature_map: torch.Tensor = backbone(torch.zeros(1, 3, *config.input.size_train))
    backbone.train()
    return feature_map.numel()


def _tell(start: StartingWeights, report: LoadReport) -> None:
    """Log what was loaded: as a warning, which everyone sees, where something starts from random or changed weights."""
    partial = bool(report.missing or report.notes)
    _log.log(logging.WARNING if partial else logging.INFO, "%s %s: %s", start.key, start.path, report)


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
