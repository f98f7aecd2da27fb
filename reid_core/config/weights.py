"""Which file of weights a configuration starts from, found before any work."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from reid_core.config.schema import Config
from reid_core.errors import ConfigError, Finding

__all__ = ["PRETRAIN_PATH", "WEIGHTS", "StartingWeights", "existing_weights", "starting_weights"]

WEIGHTS = "MODEL.WEIGHTS"
"""The key of a whole model's file."""

PRETRAIN_PATH = "MODEL.BACKBONE.PRETRAIN_PATH"
"""The key of a backbone's file."""


@dataclass(frozen=True, slots=True)
class StartingWeights:
    """The file that `key` names; `whole`: of a whole model, not of a backbone alone."""

    key: str
    path: Path

    @property
    def whole(self) -> bool:
        """Whether it is a whole model's."""
        return self.key == WEIGHTS


def starting_weights(config: Config) -> StartingWeights | None:
    """The file that a new model of `config` takes its weights from, None where it starts from random ones.

    MODEL.WEIGHTS holds the backbone too, so that PRETRAIN and PRETRAIN_PATH do not count beside it. PRETRAIN_PATH
    counts whatever PRETRAIN says. ConfigError: PRETRAIN without a file, or a file that is not there.
    """
    backbone = config.model.backbone
    if config.model.weights:
        return existing_weights(WEIGHTS, config.model.weights)
    if backbone.pretrain_path:
        return existing_weights(PRETRAIN_PATH, backbone.pretrain_path)
    if not backbone.pretrain:
        return None
    raise ConfigError(
        Finding(
            "no-weights",
            "MODEL.BACKBONE.PRETRAIN is true but MODEL.BACKBONE.PRETRAIN_PATH is empty; nothing is downloaded",
            hint="set MODEL.BACKBONE.PRETRAIN_PATH to a file of ImageNet weights, or MODEL.BACKBONE.PRETRAIN to false",
            key=PRETRAIN_PATH,
        )
    )


def existing_weights(key: str, given: str) -> StartingWeights:
    """The file `given` under `key`. ConfigError: it is not there."""
    path = Path(given).expanduser()
    if path.is_file():
        return StartingWeights(key, path)
    hint = "paths are relative to the current folder; clear the key to start from random weights"
    raise ConfigError(Finding("missing-file", f"{key}: there is no file {path}", hint=hint, key=key))
