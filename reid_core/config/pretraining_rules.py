"""What MoCoV2 and the task pretraining ask of the other keys."""

from __future__ import annotations

from collections.abc import Iterator

from reid_core.config.fault import Fault
from reid_core.config.schema import Config
from reid_core.config.schema.model import Model

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
    yield from _without_effect(config)
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


def _without_effect(config: Config) -> Iterator[Fault]:
    """What would seem to change the pre-training: there is a loss, a head and an order of images of its own.

    Of MODEL.HEADS only POOL_LAYER is read. DATALOADER.NUM_INSTANCE and the settings of losses and of margins that are
    not there change nothing, as anywhere.
    """
    model, usual, read_by = config.model, Model(), "which the task pretraining does not read"
    heads = model.heads
    changed = {
        "MODEL.LOSSES.NAME": (model.losses.name, usual.losses.name),
        "MODEL.HEADS.NAME": (heads.name, usual.heads.name),
        "MODEL.HEADS.CLS_LAYER": (heads.cls_layer, usual.heads.cls_layer),
        "MODEL.HEADS.EMBEDDING_DIM": (heads.embedding_dim, usual.heads.embedding_dim),
        "MODEL.HEADS.NUM_CLASSES": (heads.num_classes, usual.heads.num_classes),
        "MODEL.HEADS.WITH_BNNECK": (heads.with_bnneck, usual.heads.with_bnneck),
        "DATALOADER.SAMPLER_TRAIN": (config.dataloader.sampler_train, "TrainingSampler"),
    }
    for key, (value, default) in changed.items():
        if value != default:
            told = _told(value)
            message = f"{key} is {told}, {read_by}: it has a loss, a projection and an order of its own"
            yield Fault((key, _TASK), "impossible", message, f"set it to {_told(default)}")
    ignoring = config.task.pretraining.identities == "ignore" and config.datasets.root != "synthetic"
    if ignoring and config.datasets.combineall:
        message = "DATASETS.COMBINEALL adds the test split, and without identities there is none: every image is read"
        keys = ("DATASETS.COMBINEALL", "TASK.PRETRAINING.IDENTITIES")
        yield Fault(keys, "impossible", message, "set it to false")


def _told(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"[{', '.join(map(str, value))}]" if isinstance(value, tuple) else str(value)
