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
from orchestrator.search.schedules.brackets import Opening, members_of
from orchestrator.search.score import WORST, Aims, ranked, show_at, value_at
from search_spaces.model import Objective

__all__ = ["next_in_asha"]

_OVER = (TrialStatus.FAILED, TrialStatus.STOPPED)


@dataclass(frozen=True, slots=True)
class _Rung:
    """A rung below the top: `places` is how many may have gone on by now, out of `results`; `rivals` compete."""

    epoch: int
    above: int
    places: int
    results: int
    rivals: list[TrialState]


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
    to_come = len(trials) < bracket.sizes[0]
    here = trials
    for level, size in enumerate(bracket.sizes[1:]):
        epoch = bracket.rungs[level]
        here = [trial for trial in here if trial.to_epoch >= epoch]
        known = [trial for trial in here if trial.epoch >= epoch or trial.status in _OVER]
        results = sum(trial.status is not TrialStatus.STOPPED or trial.to_epoch > epoch for trial in known)
        out = to_come or len(known) < len(here)
        places = min(size, results // eta) if out else size
        rivals = [trial for trial in known if trial.to_epoch > epoch or trial.status not in _OVER]
        rungs.append(_Rung(epoch, bracket.rungs[level + 1], places, results, rivals))
        gone_on = sum(trial.to_epoch > epoch for trial in here)
        to_come = gone_on < size and (out or any(_may_go_on(trial, epoch, objectives) for trial in rivals))
    return rungs


def _may_go_on(trial: TrialState, epoch: int, objectives: Sequence[Objective] | Aims) -> bool:
    """Whether the trial has a score on its rung, and has not gone on."""
    return trial.to_epoch == epoch and value_at(trial, epoch, objectives) > WORST


def _promotion(rung: _Rung, objectives: Sequence[Objective] | Aims) -> Advance | None:
    """The best of the rung's top that has not gone on, if a place is left."""
    gone_on = (trial for trial in rung.rivals if trial.to_epoch > rung.epoch)
    if sum(value_at(trial, rung.epoch, objectives) > WORST for trial in gone_on) >= rung.places:
        return None
    best = ranked(rung.rivals, rung.epoch, objectives)
    for rank, trial in enumerate(best[: rung.places], start=1):
        if trial.to_epoch == rung.epoch and trial.status is TrialStatus.RESTING:
            value = show_at(trial, rung.epoch, objectives)
            top = f"in the top {rung.places} of {rung.results} results at epoch {rung.epoch}"
            return Advance(trial.id, rung.above, f"promoted: {top}, number {rank} with {value}")
    return None
