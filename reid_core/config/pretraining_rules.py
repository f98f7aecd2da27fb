"""What MoCoV2 and the task pretraining ask of the other keys."""

from __future__ import annotations

from collections.abc import Iterator

from reid_core.config.fault import Fault
from reid_core.config.schema import Config

__all__ = ["pretraining_faults"]

_ARCHITECTURE, _TASK, _BATCH = "MODEL.META_ARCHITECTURE", "TASK.NAME", "SOLVER.IMS_PER_BATCH"


def pretraining_faults(config: Config) -> Iterator[Fault]:
    """MoCoV2 learns from two views of each image, which only the task pretraining deals."""
    model, solver = config.model, config.solver
    contrast, task = model.meta_architecture == "MoCoV2", config.task.name == "pretraining"
    if contrast is not task:
        message = "MoCoV2 and the task pretraining go together: it learns from two views of each image, and no labels"
        hint = "set MODEL.META_ARCHITECTURE MoCoV2" if task else "use MoCo with labels, or the recipe pretraining"
        yield Fault((_ARCHITECTURE, _TASK), "impossible", message, hint)
    if not (contrast and task):
        return
    batch, splits = solver.ims_per_batch, model.contrast.splits
    if batch % 2 or batch < 4:
        message = f"a batch of {batch} images does not hold two views each of two images"
        yield Fault((_BATCH, _TASK), "impossible", message, "take an even number from 4 on")
    if batch < 2 * splits:
        message = f"a batch of {batch} images does not make {splits} parts (MODEL.CONTRAST.SPLITS) of two and more"
        yield Fault(("MODEL.CONTRAST.SPLITS", _BATCH), "impossible", message, "lower MODEL.CONTRAST.SPLITS")
    if model.queue_size < batch:
        message = f"a memory of {model.queue_size} images (MODEL.QUEUE_SIZE) does not hold one batch"
        yield Fault(("MODEL.QUEUE_SIZE", _BATCH), "impossible", message, "make it several batches long")
    if solver.accumulate > 1:
        message = "micro-batches (SOLVER.ACCUMULATE) may part the two views of an image"
        hint = "set it to 1 and lower SOLVER.IMS_PER_BATCH: the queue has the negatives"
        yield Fault(("SOLVER.ACCUMULATE", _TASK), "impossible", message, hint)
    if model.heads.pool_layer in {"Flatten", "Identity"}:
        message = f"MoCoV2 projects one vector an image, which {model.heads.pool_layer} does not give"
        yield Fault(("MODEL.HEADS.POOL_LAYER", _ARCHITECTURE), "impossible", message, "GlobalAvgPool would do")
    if model.backbone.sie_cameras:
        message = "pre-training knows no cameras, and MODEL.BACKBONE.SIE_CAMERAS learns a vector for each"
        yield Fault(("MODEL.BACKBONE.SIE_CAMERAS", _TASK), "impossible", message, "set it to 0")
