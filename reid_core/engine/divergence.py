"""What is said of a model whose weights or answers are not finite any more."""

from __future__ import annotations

from torch import nn

from reid_core.errors import TrainingDiverged

__all__ = ["HINT", "check_weights", "not_finite"]

HINT = "lower SOLVER.BASE_LR, lengthen the warm-up, or enable SOLVER.CLIP_GRADIENTS"


def check_weights(model: nn.Module, epoch: int, iteration: int) -> None:
    """Find what the next loss would show: it may be measured and saved before there is one. Raises TrainingDiverged."""
    for name, value in model.state_dict().items():
        if value.is_floating_point() and not value.isfinite().all():
            raise TrainingDiverged(
                f"{name} of the model is not finite at the end of epoch {epoch}",
                epoch=epoch,
                iteration=iteration,
                hint=HINT,
            )


def not_finite(what: str, epoch: int) -> TrainingDiverged:
    """The error to raise when `what` ("the embeddings") a model gives after `epoch` epochs are not finite."""
    return TrainingDiverged(
        f"{what} after epoch {epoch} are not finite",
        epoch=epoch,
        hint="the training got out of hand: lower SOLVER.BASE_LR",
    )
