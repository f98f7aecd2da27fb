"""`asha`: asynchronous successive halving over a plan's brackets (Li et al. 2020, arXiv:1810.05934, algorithm 2).

Asked at every free slot, highest rung first: of the n results on a rung, the best of the top n / eta goes on if it has
not yet; else a new trial starts; nobody waits for results that are out. Two things differ from the paper, because a
plan promises its epochs:

- At no moment have more than n / eta of a rung's n results gone on. The paper promotes every newcomer to the top.
- When no more results can come to a rung, the places that the plan still has there go to the best that rest on it, so
  that somebody runs in full however few the trials are.

Failed trials (and NaN) are results, the worst; stopped ones leave.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.events import Bracket, Plan, StudyState, TrialState, TrialStatus
from orchestrator.search.moves import Advance
from orchestrator.search.schedules.brackets import Opening, contenders, members_of
from orchestrator.search.score import Aims, known_at, show_at
from search_spaces.model import Objective

__all__ = ["next_in_asha"]


@dataclass(frozen=True, slots=True)
class _Rung:
    """A rung below the top: `places` is how many may have gone on by now, out of `results`."""

    epoch: int
    above: int
    places: int
    results: int
    ranked: list[TrialState]


def next_in_asha(plan: Plan, state: StudyState, objectives: Sequence[Objective] | Aims) -> Advance | Opening | None:
    """The next step; None: wait, or (with nothing running or waiting) the plan is done."""
    members = members_of(plan, state.trials.values())
    for bracket, trials in zip(plan.brackets, members, strict=True):
        for rung in reversed(_rungs(bracket, trials, plan.eta, objectives)):
            if (advance := _promotion(rung, objectives)) is not None:
                return advance
    for index, (bracket, trials) in enumerate(zip(plan.brackets, members, strict=True)):
        if len(trials) < bracket.sizes[0]:
            return Opening(index, bracket.rungs[0])
    return None


def _rungs(bracket: Bracket, trials: list[TrialState], eta: int, objectives: Sequence[Objective] | Aims) -> list[_Rung]:
    """The rungs from which trials may go on, the lowest first."""
    rungs: list[_Rung] = []
    to_come = bracket.sizes[0] - len(trials)
    for level, size in enumerate(bracket.sizes[1:]):
        epoch = bracket.rungs[level]
        here = [trial for trial in trials if trial.to_epoch >= epoch]
        results = sum(known_at(trial, epoch) for trial in here if _stayed_in(trial, epoch))
        out = to_come + sum(not known_at(trial, epoch) for trial in here)
        places = size if out == 0 else min(size, results // eta)
        best = [trial for trial in contenders(here, epoch, objectives) if known_at(trial, epoch)]
        rungs.append(_Rung(epoch, bracket.rungs[level + 1], places, results, best))
        gone_on = sum(trial.to_epoch > epoch for trial in here)
        still = sum(trial.to_epoch == epoch for trial in best) + out
        to_come = max(0, min(size - gone_on, still))
    return rungs


def _stayed_in(trial: TrialState, epoch: int) -> bool:
    """Whether the trial counts among the results of a rung: not when it was stopped before it went on."""
    return trial.status is not TrialStatus.STOPPED or trial.to_epoch > epoch


def _promotion(rung: _Rung, objectives: Sequence[Objective] | Aims) -> Advance | None:
    """The best of the rung's top that has not gone on, if a place is left."""
    if sum(trial.to_epoch > rung.epoch for trial in rung.ranked) >= rung.places:
        return None
    for rank, trial in enumerate(rung.ranked[: rung.places], start=1):
        if trial.to_epoch == rung.epoch and trial.status is TrialStatus.RESTING:
            value = show_at(trial, rung.epoch, objectives)
            top = f"in the top {rung.places} of {rung.results} results at epoch {rung.epoch}"
            return Advance(trial.id, rung.above, f"promoted: {top}, number {rank} with {value}")
    return None
