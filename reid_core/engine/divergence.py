"""What is said of a model whose answers are not finite any more."""

from __future__ import annotations

from reid_core.errors import TrainingDiverged

__all__ = ["not_finite"]


def not_finite(what: str, epoch: int) -> TrainingDiverged:
    """The error to raise when `what` ("the embeddings") a model gives after `epoch` epochs are not finite."""
    return TrainingDiverged(
        f"{what} after epoch {epoch} are not finite",
        epoch=epoch,
        hint="the training got out of hand: lower SOLVER.BASE_LR",
    )
