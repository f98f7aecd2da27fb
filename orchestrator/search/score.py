"""What a trial is worth at a rung, on one scale: higher is better, whatever the objective's direction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import itemgetter

import numpy as np

from orchestrator.events import TrialState, TrialStatus
from orchestrator.events.aims import Aims
from orchestrator.events.pareto import best_first
from search_spaces.model import COSTS, Goal, Objective

__all__ = ["WORST", "Aims", "in_play", "known_at", "outcome_at", "ranked", "show", "show_at", "value_at"]

WORST = -math.inf
"""The value of a trial that failed, diverged or did not report the metric: below every real value."""
_INFEASIBLE = -1e12
_MOST_VIOLATION = 1e12


def value_at(trial: TrialState, epoch: int, objectives: Sequence[Objective] | Aims) -> float:
    """The trial's score at `epoch`: the first objective's metric, negated when it is minimised.

    WORST when the epoch or the metric is missing, NaN or infinite. With several objectives or constraints this is what
    a trial is worth by itself: WORST when any objective is missing, and below every real value, by its violation, where
    it breaks a constraint. How it stands among others is for `ranked` and TrialTable.
    """
    if isinstance(objectives, Aims):
        if not objectives.plain:
            return _alone(trial, epoch, objectives)
        objectives = objectives.objectives
    objective = objectives[0]
    metrics = trial.history.get(epoch)
    value = WORST if metrics is None else metrics.get(objective.metric, WORST)
    if not math.isfinite(value):
        return WORST
    return -value if objective.goal is Goal.MINIMIZE else value


def _alone(trial: TrialState, epoch: int, aims: Aims) -> float:
    vector, amount = outcome_at(trial, epoch, aims)
    if vector is None:
        return WORST
    return vector[0] if amount == 0 else _INFEASIBLE * (1.0 + min(amount, _MOST_VIOLATION))


def outcome_at(trial: TrialState, epoch: int, aims: Aims) -> tuple[tuple[float, ...] | None, float]:
    """The objectives at `epoch`, higher is better (None: not all there), and how far they are from the constraints."""
    metrics = trial.history.get(epoch)
    return (None, math.inf) if metrics is None else aims.outcome(trial.id, epoch, metrics)


def ranked(trials: Sequence[TrialState], epoch: int, objectives: Sequence[Objective] | Aims) -> list[TrialState]:
    """Those of `trials` that have a score at `epoch`, best first; ties go to the older trial.

    Several objectives: by Pareto front, in a front the least crowded first (Deb et al. 2002). Trials that break a
    constraint come after all that do not, in the order of their violation.
    """
    aims = Aims.over(objectives)
    if aims.plain:
        only = aims.objectives
        scored = [(-value, trial.id, trial) for trial in trials if (value := value_at(trial, epoch, only)) > WORST]
        return [trial for _, _, trial in sorted(scored, key=itemgetter(0, 1))]
    sound: list[tuple[TrialState, tuple[float, ...]]] = []
    broken: list[tuple[float, float, int, TrialState]] = []
    for trial in sorted(trials, key=lambda one: one.id):
        vector, amount = outcome_at(trial, epoch, aims)
        if vector is not None and amount == 0:
            sound.append((trial, vector))
        elif vector is not None:
            broken.append((amount, -vector[0], trial.id, trial))
    points = np.array([vector for _, vector in sound]).reshape(len(sound), len(aims.objectives))
    broken.sort(key=lambda entry: entry[:3])
    return [*(sound[row][0] for row in best_first(points).tolist()), *(entry[3] for entry in broken)]


def known_at(trial: TrialState, epoch: int) -> bool:
    """Whether nothing more will be learnt about the trial at `epoch`: it was reported, or the trial is over."""
    return trial.epoch >= epoch or trial.status in {TrialStatus.FAILED, TrialStatus.STOPPED}


def in_play(trial: TrialState) -> bool:
    """Whether the trial competes: it has neither failed nor been stopped."""
    return trial.status not in {TrialStatus.FAILED, TrialStatus.STOPPED}


def show(value: float, objectives: Sequence[Objective] | Aims) -> str:
    """The score in words, in the objective's own direction: `mAP 0.312`; `failed` for WORST."""
    objective = Aims.over(objectives).objectives[0]
    if value == WORST:
        return "failed"
    if value <= _INFEASIBLE:
        return "a constraint broken"
    return f"{objective.metric} {-value if objective.goal is Goal.MINIMIZE else value:.3f}"


def show_at(trial: TrialState, epoch: int, objectives: Sequence[Objective] | Aims) -> str:
    """What the trial reported at `epoch`, in words: every objective, and which constraints it breaks.

    `mAP 0.312, latency_ms 4.10`.
    """
    aims = Aims.over(objectives)
    vector = outcome_at(trial, epoch, aims)[0]
    if aims.plain or vector is None:
        return show(value_at(trial, epoch, aims), aims)
    metrics = trial.history[epoch]
    told = [f"{one.metric} {_number(metrics[one.metric], one.metric)}" for one in aims.objectives]
    broken = aims.broken(metrics)
    return ", ".join([*told, *([f"breaks {' and '.join(broken)}"] if broken else [])])


def _number(value: float, metric: str) -> str:
    return f"{value:.3g}" if metric in COSTS else f"{value:.3f}"
