"""What a log says of a trial's checkpoints: which came before, which is the best."""

from __future__ import annotations

import math

from orchestrator.events.trials import Checkpoint, TrialState
from search_spaces.model import Goal, Objective

__all__ = ["earlier", "is_best"]


def earlier(trial: TrialState, epoch: int) -> Checkpoint | None:
    """The newest durable checkpoint before `epoch`, of the two newest that the trial has."""
    return next((one for one in (trial.checkpoint, trial.before) if one is not None and one.epoch < epoch), None)


def is_best(trial: TrialState, epoch: int, objective: Objective) -> bool:
    """Whether what the trial reported at `epoch` is better than at its best checkpoint so far."""
    value = trial.at(epoch, objective.metric)
    if value is None or math.isnan(value):
        return False
    best = trial.best_checkpoint
    before = None if best is None or best.epoch == epoch else trial.at(best.epoch, objective.metric)
    if before is None:
        return True
    return value > before if objective.goal is Goal.MAXIMIZE else value < before
