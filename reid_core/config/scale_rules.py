"""What several sizes of test images (TEST.SCALES) ask of the other keys."""

from __future__ import annotations

from collections.abc import Iterator

from reid_core.config.backbones import FAMILIES
from reid_core.config.fault import Fault
from reid_core.config.schema import Config

__all__ = ["scale_faults"]

_KEY = "TEST.SCALES"


def scale_faults(config: Config) -> Iterator[Fault]:
    """The model must take images of each size, and compare whole embeddings."""
    scales, backbone = config.test.scales, config.model.backbone
    if scales == (1.0,):
        return
    if len(set(scales)) < len(scales):
        yield Fault((_KEY,), "impossible", f"{_KEY} names a size twice: {list(scales)}", "name each once")
    if config.test.metric == "dsr":
        message = f"{_KEY} sums whole embeddings, and TEST.METRIC dsr compares parts of images"
        yield Fault((_KEY, "TEST.METRIC"), "impossible", message, "set it to [1.0], or choose another metric")
    family = FAMILIES.get(backbone.name)
    if family is not None and family.token:
        message = f"{_KEY}: {backbone.name} takes images of one size"
        yield Fault((_KEY, "MODEL.BACKBONE.NAME"), "impossible", message, "set it to [1.0]")
    elif family is not None and round(min(scales) * min(config.input.size_test)) < family.stride:
        message = f"{_KEY}: {backbone.name} shrinks images {family.stride} times, and {min(scales):g} of"
        message = f"{message} INPUT.SIZE_TEST {list(config.input.size_test)} is less"
        yield Fault((_KEY, "INPUT.SIZE_TEST"), "impossible", message, "leave out the smallest")
    if config.model.heads.pool_layer in {"Flatten", "Identity"}:
        message = f"{_KEY}: {config.model.heads.pool_layer} makes embeddings of another length of another size"
        yield Fault((_KEY, "MODEL.HEADS.POOL_LAYER"), "impossible", message, "set it to [1.0]")
