"""Which keys may take another value while a model is being trained. Pure."""

from __future__ import annotations

__all__ = ["may_change_in_training"]

# What the weights, the optimiser's memory and the data do not depend on.
_MAY = (
    "SOLVER.",
    "MODEL.LOSSES.",
    "MODEL.HEADS.MARGIN",
    "MODEL.HEADS.SCALE",
    "INPUT.",
    "DATALOADER.",
    "KD.LOGITS.",
    "KD.OVERHAUL.SCALE",
    "KD.RELATION.",
    "KD.EMBEDDING.",
)
# Within these: what decides which states a checkpoint has, which images are decoded, or how long training is.
_MAY_NOT = (
    "SOLVER.OPT",
    "SOLVER.AMP.",
    "SOLVER.EMA.ENABLED",
    "SOLVER.COMPILE",
    "SOLVER.MAX_EPOCH",
    "SOLVER.CHECKPOINT_PERIOD",
    "MODEL.LOSSES.NAME",
    "INPUT.SIZE_",
    "INPUT.INTERPOLATION",
    "INPUT.CROP.SIZE",
    "DATALOADER.CACHE_DIR",
    "DATALOADER.NUM_WORKERS",
)


def may_change_in_training(key: str) -> bool:
    """Whether a training may go on from its checkpoint with another value of `key`, as a population does.

    Learning rates and their schedule, weight decays, batches and their sampling, weights and margins of the losses and
    of distillation, and augmentation may change. What makes the model, its optimiser or the data set may not.
    """
    return key.startswith(_MAY) and not key.startswith(_MAY_NOT)
