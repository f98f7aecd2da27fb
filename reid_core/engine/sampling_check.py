"""Whether so many processes can share a batch, or a classifier that sees a sample of the classes."""

from __future__ import annotations

from reid_core.config import Config
from reid_core.config.availability import GROUPING_SAMPLERS
from reid_core.errors import ConfigError, Finding

__all__ = ["check_sampling", "check_shares"]


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


def check_shares(config: Config, processes: int) -> None:
    """Every process has whole groups of a batch, and two images for each of its batch norms. Raises ConfigError."""
    batch, parts = config.solver.ims_per_batch, config.solver.accumulate * processes
    each = config.dataloader.num_instance if config.dataloader.sampler_train in GROUPING_SAMPLERS else 1
    least = 2 * config.model.contrast.splits if config.model.meta_architecture == "MoCoV2" else 2
    if processes > 1 and (batch % (parts * each) or batch // parts < least):
        raise ConfigError(
            Finding(
                "impossible",
                f"a batch of {batch} images does not make {parts} equal shares of whole groups of {each}"
                f" ({processes} processes, SOLVER.ACCUMULATE {config.solver.accumulate})",
                hint=f"SOLVER.IMS_PER_BATCH must be a multiple of {parts * each}, of {least} images a share or more",
                key="SOLVER.IMS_PER_BATCH",
            )
        )
