"""Whether a checkpoint fits what is asked of it: going on with the same run, or measuring the same model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from reid_core.config import Config, Values, may_change_in_training, to_values
from reid_core.engine.checkpoint import Checkpoint
from reid_core.errors import CheckpointError

__all__ = ["check_same_model", "check_same_run"]

# Where things lie, how they are measured or stored, and how much memory that takes may change between two segments of
# one run; nothing else.
_FREE = (
    "OUTPUT_DIR",
    "TEST.",
    "DATASETS.ROOT",
    "DATALOADER.NUM_WORKERS",
    "DATALOADER.CACHE_DIR",
    "MODEL.DEVICE",
    "MODEL.WEIGHTS",
    "MODEL.BACKBONE.PRETRAIN",
    "KD.MODEL_",  # the files' SHA-256 are compared
    "KD.CACHE",
    "SOLVER.CHECKPOINT_PERIOD",
    "SOLVER.ACCUMULATE",  # a batch that does not fit into memory is computed in more parts
)
# What decides the embedding that a set of weights gives.
_MODEL = ("MODEL.META_ARCHITECTURE", "MODEL.BACKBONE.", "MODEL.HEADS.", "MODEL.PIXEL_")
_NOT_EMBEDDING = ("MODEL.BACKBONE.PRETRAIN", "MODEL.HEADS.NUM_CLASSES", "MODEL.HEADS.NECK_FEAT")


def check_same_run(
    checkpoint: Checkpoint, path: Path, values: Values, *, seed: int, identities: int, forked: bool = False
) -> None:
    """Going on from `checkpoint` is the same run, or a fork of it: one that differs in what may change in training.

    Raises CheckpointError that names every difference that may not be.
    """

    def fixed(key: str) -> bool:
        return not key.startswith(_FREE) and not (forked and may_change_in_training(key))

    found = _differences(checkpoint.values, values, fixed)
    if checkpoint.seed != seed:
        found.append(f"seed: {checkpoint.seed} in the checkpoint, {seed} asked for")
    if checkpoint.identities != identities:
        found.append(f"identities: {checkpoint.identities} in the checkpoint, {identities} in the data")
    if found:
        raise _another("run", path, found)


def check_same_model(checkpoint: Checkpoint, path: Path, values: Values) -> None:
    """Let `values` describe the model in `checkpoint`, or raise CheckpointError that names every difference."""
    relevant = _differences(
        checkpoint.values, values, lambda key: key.startswith(_MODEL) and not key.startswith(_NOT_EMBEDDING)
    )
    if relevant:
        raise _another("model", path, relevant)


def _differences(saved: Values, asked: Values, relevant: Callable[[str], bool]) -> list[str]:
    defaults = to_values(Config())
    saved = {key: defaults.get(key) for key in asked} | saved  # a key younger than the checkpoint had its default
    keys = sorted(key for key in saved.keys() | asked.keys() if relevant(key))
    return [
        f"{key}: {saved.get(key)!r} in the checkpoint, {asked.get(key)!r} asked for"
        for key in keys
        if saved.get(key) != asked.get(key)
    ]


def _another(what: str, path: Path, differences: list[str]) -> CheckpointError:
    lines = "".join(f"\n  {line}" for line in differences)
    return CheckpointError(
        f"the checkpoint {path} belongs to another {what}:{lines}",
        hint="give the configuration it was trained with, or start anew without it",
    )
