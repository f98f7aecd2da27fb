"""What does not go with a classifier that sees a sample of the classes (MODEL.HEADS.PFC)."""

from __future__ import annotations

from collections.abc import Iterator

from reid_core.config.fault import Fault
from reid_core.config.schema import Config

__all__ = ["sampling_faults"]


def sampling_faults(config: Config) -> Iterator[Fault]:
    """MODEL.HEADS.PFC gives the logits of some classes only; not everything works on these."""
    if not config.model.heads.pfc.enabled:
        return
    key = "MODEL.HEADS.PFC.ENABLED"
    if config.solver.compile_:
        message = f"{key}: which classes are sampled changes with every batch, and SOLVER.COMPILE wants one shape"
        yield Fault((key, "SOLVER.COMPILE"), "impossible", message, "set SOLVER.COMPILE to false")
    if config.model.heads.name == "AttrHead":
        message = f"{key}: AttrHead answers every question of an image, not which of many classes it shows"
        yield Fault((key, "MODEL.HEADS.NAME"), "impossible", message, "set MODEL.HEADS.PFC.ENABLED to false")
    if config.model.meta_architecture != "Baseline":
        message = f"{key}: {config.model.meta_architecture} has no classifier of sampled classes"
        yield Fault((key, "MODEL.META_ARCHITECTURE"), "impossible", message, "set MODEL.META_ARCHITECTURE to Baseline")
