"""Whether a classifier that sees a sample of the classes can be trained by so many processes."""

from __future__ import annotations

from reid_core.config import Config
from reid_core.errors import ConfigError, Finding

__all__ = ["check_sampling"]


def check_sampling(config: Config, processes: int) -> None:
    """Each process would have to draw the classes of the others' images too. Raises ConfigError."""
    sampling = config.model.heads.pfc
    if sampling.enabled and sampling.sample_rate < 1.0 and processes > 1:
        raise ConfigError(
            Finding(
                "impossible",
                f"MODEL.HEADS.PFC samples classes in one process, not in {processes}",
                hint="set MODEL.HEADS.PFC.ENABLED to false, or train in one process",
                key="MODEL.HEADS.PFC.ENABLED",
            )
        )
