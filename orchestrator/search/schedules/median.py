"""`median`: the median automated stopping rule of Vizier (Golovin et al. 2017, section 3.2.1), rung by rung.

A trial that rests on a rung goes on unless its best value so far is strictly below the median of the running averages
of the others: of each other trial that has reported this epoch, the mean of what it reported up to it. The paper
compares with completed trials; here all that got as far count, since few complete in a short search. Asked anew at
every free slot: a trial below the median goes on after all when weaker ones have pulled the median down.

The plan has room for everybody on every rung. Its epochs are what a search costs that stops nobody. Failed trials (and
NaN) count as worst, stopped ones with what they reported.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from statistics import median

from orchestrator.events import Bracket, Plan, StudyState, TrialState, TrialStatus
from orchestrator.search.moves import Advance
from orchestrator.search.schedules.brackets import Opening, members_of
from orchestrator.search.score import WORST, Aims, show, value_at
from search_spaces.model import Objective

__all__ = ["median_without", "next_by_median", "running_average"]


def next_by_median(plan: Plan, state: StudyState, objectives: Sequence[Objective] | Aims) -> Advance | Opening | None:
    """The next step: the furthest trial that may go on, else a new one; None: wait, or the search is over."""
    members = members_of(plan, state.trials.values())
    for bracket, trials in zip(plan.brackets, members, strict=True):
        for level in range(len(bracket.rungs) - 2, -1, -1):
            if (advance := _going_on(bracket, level, trials, objectives)) is not None:
                return advance
    for index, (bracket, trials) in enumerate(zip(plan.brackets, members, strict=True)):
        if len(trials) < bracket.sizes[0]:
            return Opening(index, bracket.rungs[0])
    return None


def running_average(trial: TrialState, epoch: int, objectives: Sequence[Objective] | Aims) -> float:
    """The mean of the trial's scores up to `epoch`; WORST when it has none there, or one of them is not finite."""
    reported = [value_at(trial, at, objectives) for at in sorted(trial.history) if at <= epoch]
    if epoch not in trial.history or WORST in reported:
        return WORST
    return math.fsum(reported) / len(reported)


def _going_on(
    bracket: Bracket, level: int, trials: list[TrialState], objectives: Sequence[Objective] | Aims
) -> Advance | None:
    """The first of those that rest on the rung whose best is not below the median of the others' averages."""
    rung, above = bracket.rungs[level], bracket.rungs[level + 1]
    if sum(trial.to_epoch > rung for trial in trials) >= bracket.sizes[level + 1]:
        return None
    here = [trial for trial in trials if rung in trial.history or trial.status is TrialStatus.FAILED]
    averages = {trial.id: running_average(trial, rung, objectives) for trial in here}
    ordered = sorted(averages.values())
    for trial in here:
        if trial.to_epoch != rung or trial.status is not TrialStatus.RESTING:
            continue
        if value_at(trial, rung, objectives) == WORST:
            continue
        best = max(value_at(trial, at, objectives) for at in trial.history if at <= rung)
        if len(here) == 1 or best >= median_without(ordered, averages[trial.id]):
            others = [average for number, average in averages.items() if number != trial.id]
            return Advance(trial.id, above, _reason(best, others, rung, objectives))
    return None


def median_without(ordered: Sequence[float], own: float) -> float:
    """The median of ascending numbers without one of them, as `statistics.median` has it."""
    place, count = bisect_left(ordered, own), len(ordered) - 1
    low, high = (ordered[at + (at >= place)] for at in ((count - 1) // 2, count // 2))
    return (low + high) / 2


def _reason(best: float, others: Sequence[float], rung: int, objectives: Sequence[Objective] | Aims) -> str:
    if not others:
        return f"goes on: nobody else has reached epoch {rung}"
    what = f"{show(best, objectives)}, its best up to epoch {rung},"
    middle = show(median(others), objectives)
    return f"goes on: {what} is not below the median of the running averages of {len(others)} others ({middle})"
