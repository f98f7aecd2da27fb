"""What a checkpoint holds, for people and for those who use it as a teacher."""

from __future__ import annotations

from pathlib import Path

from reid_core.config import Config, from_values
from reid_core.engine import checkpoint as checkpoints
from reid_core.engine import durable
from reid_core.errors import CheckpointError, ConfigError
from reid_core.results import CheckpointSummary

__all__ = ["checkpoint_summary", "network_of"]


def checkpoint_summary(path: Path) -> CheckpointSummary:
    """See `reid_core.api.describe_checkpoint`."""
    state = checkpoints.load(path)
    try:
        config = from_values(state.values)
    except ConfigError as error:
        raise CheckpointError(
            f"the configuration in {path} is not one of this version: {error.findings[0].message}",
            hint="use the version of reid-tune that wrote it",
        ) from error
    return CheckpointSummary(
        path=path,
        sha256=durable.sha256_of(path),
        epoch=state.epoch,
        seed=state.seed,
        identities=state.identities,
        metrics=state.metrics,
        config=config,
        network=network_of(config),
        trained_on=state.trained_on,
    )


def network_of(config: Config) -> str:
    """`resnet 50x, 256 x 128 pixels`."""
    backbone, (height, width) = config.model.backbone, config.input.size_test
    name = backbone.name.removeprefix("build_").removesuffix("_backbone")
    return f"{name} {backbone.depth}, {height} x {width} pixels"
