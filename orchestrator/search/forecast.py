"""What each trial is expected to be worth at the full budget, from the rungs it has reached.

Every trial reports every rung on its way, so brackets that start on different rungs meet on the lower ones.
A trial that rests below the top is lifted by the median gain that those who went on had, rung by rung: the
order on its own rung stays, and trials of different rungs become comparable.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from orchestrator.events import TrialState, TrialStatus
from orchestrator.search.score import WORST, value_at
from search_spaces.model import Objective

__all__ = ["forecast", "lifts"]


def forecast(trials: Iterable[TrialState], rungs: Sequence[int], objectives: Sequence[Objective]) -> dict[int, float]:
    """Expected score at the highest rung by trial id; WORST for failed trials. Trials without a rung are absent.

    A trial stopped by a person keeps what it has reported.
    """
    known = {trial.id: (trial, _reached(trial, rungs, objectives)) for trial in trials}
    ahead = _lifts([values for _, values in known.values()], len(rungs))
    return {
        number: WORST if _is_worst(trial, values) else values[-1] + ahead[len(values) - 1]
        for number, (trial, values) in known.items()
        if values or trial.status is TrialStatus.FAILED
    }


def lifts(trials: Iterable[TrialState], rungs: Sequence[int], objectives: Sequence[Objective]) -> list[float]:
    """What a score on each rung is expected to gain up to the highest: one number a rung, 0 for the last."""
    return _lifts([_reached(trial, rungs, objectives) for trial in trials], len(rungs))


def _lifts(ladders: Iterable[list[float]], levels: int) -> list[float]:
    gains: list[list[float]] = [[] for _ in range(levels - 1)]
    for values in ladders:
        for level, (before, after) in enumerate(pairwise(values)):
            if before > WORST and after > WORST:
                gains[level].append(after - before)
    medians = [float(np.median(known)) if known else 0.0 for known in gains]
    return [sum(medians[level:]) for level in range(levels)]


def _reached(trial: TrialState, rungs: Sequence[int], objectives: Sequence[Objective]) -> list[float]:
    return [value_at(trial, rung, objectives) for rung in rungs if trial.epoch >= rung]


def _is_worst(trial: TrialState, values: list[float]) -> bool:
    return trial.status is TrialStatus.FAILED or WORST in values
