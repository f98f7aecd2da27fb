"""Hyperband's order over a plan's brackets: who is promoted, who is next, when to wait.

The rule, in the order in which it is asked at every free slot:

1. Promote. On each rung the plan says how many go on; those are the best by their values at this rung.
   A trial goes on as soon as no result that is still out can take its place: of 9 with 3 places the
   first is certain when 7 are in. So nobody waits for stragglers without need, and the promoted are
   the same whatever the order of arrival.
2. Else start the next new trial of the first bracket that has room. A later bracket begins while an
   earlier one waits for its rung, so a slot is idle only when all trials are started and every
   promotion depends on a result that is out.
3. Else nothing.

With several objectives "the best" are those of the first Pareto fronts, and a trial that breaks a constraint comes
after all that do not (orchestrator/search/score.py). There a result that comes late can change the order of the
others, so who goes on is the best of what was known, with a place kept for each result that was out.

Failed trials (and NaN) hold their place as worst and are never promoted; stopped ones leave. A rung with
fewer candidates than places promotes those it has; one without any ends its bracket.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from orchestrator.events import Bracket, Plan, StudyState, TrialState, TrialStatus
from orchestrator.search.moves import Advance
from orchestrator.search.score import Aims, in_play, known_at, ranked, show_at
from search_spaces.model import Objective

__all__ = ["Opening", "contenders", "members_of", "next_in_brackets"]


@dataclass(frozen=True, slots=True)
class Opening:
    """Room for a new trial in a bracket."""

    bracket: int
    to_epoch: int


def next_in_brackets(plan: Plan, state: StudyState, objectives: Sequence[Objective] | Aims) -> Advance | Opening | None:
    """The next step of the plan; None: wait, or (with nothing running or waiting) the plan is done."""
    members = members_of(plan, state.trials.values())
    for bracket, trials in zip(plan.brackets, members, strict=True):
        if _is_over(bracket, trials):
            continue
        if (advance := _promotion(bracket, trials, objectives)) is not None:
            return advance
    for index, (bracket, trials) in enumerate(zip(plan.brackets, members, strict=True)):
        if len(trials) < bracket.sizes[0]:
            return Opening(index, bracket.rungs[0])
    return None


def members_of(plan: Plan, trials: Iterable[TrialState]) -> list[list[TrialState]]:
    """Trials of each bracket; a trial whose bracket the plan does not have takes no part."""
    members: list[list[TrialState]] = [[] for _ in plan.brackets]
    for trial in trials:
        if 0 <= trial.bracket < len(members):
            members[trial.bracket].append(trial)
    return members


def _is_over(bracket: Bracket, trials: list[TrialState]) -> bool:
    """Whether nobody can go on: none is here yet, or every place of every rung is taken.

    The highest may be taken before those below it: by a trial that a person promoted.
    """
    places = zip(bracket.rungs, bracket.sizes, strict=True)
    return not trials or all(sum(trial.to_epoch >= rung for trial in trials) >= size for rung, size in places)


def _promotion(bracket: Bracket, trials: list[TrialState], objectives: Sequence[Objective] | Aims) -> Advance | None:
    """The first promotion that is certain, lower rungs first."""
    to_come = bracket.sizes[0] - len(trials)
    for level, places in enumerate(bracket.sizes[1:]):
        rung = bracket.rungs[level]
        here = [trial for trial in trials if trial.to_epoch >= rung]
        gone_on = sum(trial.to_epoch > rung for trial in here)
        out = to_come + sum(not known_at(trial, rung) for trial in here)
        order = contenders(here, rung, objectives)
        if gone_on < places:
            for rank, trial in enumerate(order[: max(0, places - out)]):
                if trial.to_epoch == rung and trial.status is TrialStatus.RESTING:
                    reason = _reason(trial, rank, rung, places, len(here) + to_come, objectives)
                    return Advance(trial.id, bracket.rungs[level + 1], reason)
        still = sum(trial.to_epoch == rung for trial in order) + out
        to_come = max(0, min(places - gone_on, still))
    return None


def contenders(here: list[TrialState], rung: int, objectives: Sequence[Objective] | Aims) -> list[TrialState]:
    """Those that hold a place or compete for one, best first; ties go to the older trial."""
    return ranked([trial for trial in here if trial.to_epoch > rung or in_play(trial)], rung, objectives)


def _reason(
    trial: TrialState, rank: int, rung: int, places: int, size: int, objectives: Sequence[Objective] | Aims
) -> str:
    value = show_at(trial, rung, objectives)
    return f"promoted: among the best {places} of {size} at epoch {rung}, number {rank + 1} with {value}"
