"""What each trial is expected to be worth at the full budget, from the rungs it has reached.

Every trial reports every rung on its way, so brackets that start on different rungs meet on the lower ones.
A trial that rests below the top is lifted by the median gain that those who went on had, rung by rung: the
order on its own rung stays, and trials of different rungs become comparable.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from orchestrator.events import TrialState, TrialStatus
from orchestrator.search.score import WORST, value_at
from search_spaces.model import Objective

__all__ = ["forecast"]


def forecast(trials: Iterable[TrialState], rungs: Sequence[int], objectives: Sequence[Objective]) -> dict[int, float]:
    """Expected score at the highest rung by trial id; WORST for failed trials. Trials without a rung are absent.

    A trial stopped by a person keeps what it has reported.
    """
    ladders: dict[int, list[float]] = {}
    failed: dict[int, float] = {}
    for trial in trials:
        reached = [value_at(trial, rung, objectives) for rung in rungs if trial.epoch >= rung]
        if trial.status is TrialStatus.FAILED or WORST in reached:
            failed[trial.id] = WORST
        elif reached:
            ladders[trial.id] = reached
    gains = [_gain(ladders.values(), level) for level in range(1, len(rungs))]
    lifted = {number: values[-1] + sum(gains[len(values) - 1 :]) for number, values in ladders.items()}
    return lifted | failed


def _gain(ladders: Iterable[list[float]], level: int) -> float:
    gains = [values[level] - values[level - 1] for values in ladders if len(values) > level]
    return float(np.median(gains)) if gains else 0.0
