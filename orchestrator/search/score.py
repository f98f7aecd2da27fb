"""What a trial is worth at a rung, on one scale: higher is better, whatever the objective's direction."""

from __future__ import annotations

import math
from collections.abc import Sequence

from orchestrator.events import TrialState, TrialStatus
from search_spaces.model import Goal, Objective

__all__ = ["WORST", "in_play", "known_at", "show", "value_at"]

WORST = -math.inf
"""The value of a trial that failed, diverged or did not report the metric: below every real value."""


def value_at(trial: TrialState, epoch: int, objectives: Sequence[Objective]) -> float:
    """The trial's score at `epoch`: the first objective's metric, negated when it is minimised.

    WORST when the epoch or the metric is missing, NaN or infinite. Several objectives: a search over
    them (issue 5) scores by Pareto rank here; until then the first one decides.
    """
    objective = objectives[0]
    metrics = trial.history.get(epoch)
    value = WORST if metrics is None else metrics.get(objective.metric, WORST)
    if not math.isfinite(value):
        return WORST
    return -value if objective.goal is Goal.MINIMIZE else value


def known_at(trial: TrialState, epoch: int) -> bool:
    """Whether nothing more will be learnt about the trial at `epoch`: it was reported, or the trial is over."""
    return trial.epoch >= epoch or trial.status in {TrialStatus.FAILED, TrialStatus.STOPPED}


def in_play(trial: TrialState) -> bool:
    """Whether the trial competes: it has neither failed nor been stopped."""
    return trial.status not in {TrialStatus.FAILED, TrialStatus.STOPPED}


def show(value: float, objectives: Sequence[Objective]) -> str:
    """The score in words, in the objective's own direction: `mAP 0.312`; `failed` for WORST."""
    objective = objectives[0]
    if value == WORST:
        return "failed"
    return f"{objective.metric} {-value if objective.goal is Goal.MINIMIZE else value:.3f}"
