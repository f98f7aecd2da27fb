"""Batch norm statistics measured anew: those of training trail weights that were still moving when they were taken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from reid_core.config import Config
from reid_core.data.loader import Batch
from reid_core.engine.compute import Compute
from reid_core.engine.embedding import evaluation_mode
from reid_core.errors import ConfigError, Finding
from reid_core.modeling import Architecture

__all__ = ["check_processes", "measure_statistics"]


def check_processes(config: Config, processes: int) -> None:
    """One process measures them alone: it cannot wait for the others' share of a batch. Raises ConfigError."""
    if config.test.precise_bn.enabled and processes > 1 and "syncBN" in _norms(config):
        raise ConfigError(
            Finding(
                "impossible",
                f"TEST.PRECISE_BN does not go with syncBN in {processes} processes",
                hint="set TEST.PRECISE_BN.ENABLED to false, or MODEL.BACKBONE.NORM and MODEL.HEADS.NORM to BN",
                key="TEST.PRECISE_BN.ENABLED",
            )
        )


def _norms(config: Config) -> tuple[str, str]:
    return config.model.backbone.norm, config.model.heads.norm


def measure_statistics(
    model: Architecture, batches: Iterable[Batch], compute: Compute, *, scored: bool = False
) -> None:
    """Set running means and variances to the averages over `batches` (Wu and Johnson 2021, "PreciseBN", section 3).

    Each layer sees what the layers before it make of a batch normalised by its own statistics, as in training; dropout
    is off. Images pass as they do when they are measured: to their embedding, or where they are `scored` to their class
    scores. A layer that they do not pass keeps what it had.
    """
    measured = model.scores if scored else model.embed
    with evaluation_mode(model), _averaging(model), torch.no_grad():
        for batch in batches:
            with compute.autocast():
                measured(compute.images(batch.images), batch.camids.to(compute.device))


@contextmanager
def _averaging(model: torch.nn.Module) -> Iterator[None]:
    """In here batch norm normalises by the batch and averages over batches, from nothing."""
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm) and module.track_running_stats]
    momenta = [norm.momentum for norm in norms]
    before = [{name: value.clone() for name, value in norm.named_buffers()} for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over all batches so far
        norm.train()
    try:
        yield
    finally:
        for norm, momentum, kept in zip(norms, momenta, before, strict=True):
            passed = norm.num_batches_tracked
            norm.momentum = momentum
            if passed is None or not passed:
                norm.load_state_dict(kept, strict=False)
            else:
                passed.copy_(kept["num_batches_tracked"])
