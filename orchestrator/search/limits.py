"""What ends a search before its plan is done: epochs, GPU-hours, wall time, a target. The first one met counts.

Nothing new starts when a limit is met. What runs goes on to its rung; when time or GPU-hours are used up, it pauses
after its epoch instead. An epoch limit is never exceeded: a move that it does not pay for is not made, and a waiting
trial, interrupted or retried, that it does not pay for is not continued.
"""

from __future__ import annotations

import math
import re

from orchestrator.events import Limits, StudyState, TrialState, TrialStatus
from orchestrator.search.moves import Advance, Move, NewTrial
from orchestrator.search.score import Aims, ranked, show_at
from search_spaces.limits import Target, parse_target

__all__ = [
    "committed_epochs",
    "epochs_to_go",
    "gpu_hours",
    "limit_met",
    "pays_for",
    "rung_above",
    "short_of_epochs",
    "span",
    "target_reached",
    "time_is_up",
    "was_met",
    "within_epochs",
]

_HOUR = 3600.0
_ENDED_BY = re.compile(r"target .+ reached by trial |the limit of .+ is reached|\d+ of \d+ epochs are spent")


def limit_met(state: StudyState, limits: Limits, now: float | None = None) -> str:
    """Why nothing new may start, in words; empty while nothing stands in the way.

    `now` (Unix seconds by the clock of the controller, which nobody sets; default: its last word) is what wall time and
    GPU-hours are counted to.
    """
    if limits.target:
        reached = target_reached(state, parse_target(limits.target))
        if reached is not None:
            target, (trial, epoch) = parse_target(limits.target), reached
            return f"target {target} reached by trial {trial} at epoch {epoch}"
    if limits.epochs is not None and state.epochs_spent >= limits.epochs:
        return f"the limit of {limits.epochs} epochs is reached"
    return time_is_up(state, limits, now)


def short_of_epochs(state: StudyState, limits: Limits) -> str:
    """How the words begin that tell of a next step which the epochs do not pay for."""
    return f"{state.epochs_spent} of {limits.epochs} epochs are spent"


def was_met(state: StudyState) -> bool:
    """Whether a limit ended the study, as the reason of its end tells it; its limits may have changed since."""
    return bool(_ENDED_BY.match(state.reason))


def time_is_up(state: StudyState, limits: Limits, now: float | None = None) -> str:
    """Why even what runs should pause after its epoch, in words; empty while there is time."""
    if limits.wall_seconds is not None and state.wall_seconds(now) >= limits.wall_seconds:
        return f"the limit of {span(limits.wall_seconds)} wall time is reached"
    if limits.gpu_hours is not None and gpu_hours(state, now) >= limits.gpu_hours:
        return f"the limit of {limits.gpu_hours:g} GPU-hours is reached"
    return ""


def gpu_hours(state: StudyState, now: float | None = None) -> float:
    """GPUs of a trial times the time of all segments, in hours; running ones count until `now`."""
    until = state.heard_at if now is None else now
    running = sum(max(0.0, until - run.started) for run in state.running.values())
    gpus = 0.0 if state.created is None else state.created.gpus
    return gpus * (state.busy_seconds + running) / _HOUR


def target_reached(state: StudyState, target: Target) -> tuple[int, int] | None:
    """(trial, epoch) of the first trial, by number, that meets the target on a rung; None when there is none.

    Repetitions with other seeds do not count: there, a lucky seed is no better configuration.
    """
    rungs = () if state.created is None else state.created.plan.rungs
    own = (entry for entry in sorted(state.trials.items()) if entry[1].confirms is None)
    for number, trial in own:
        for epoch in (*(rung for rung in rungs if rung < trial.to_epoch), trial.to_epoch):
            if epoch in trial.history and target.met_by(trial.history[epoch]):
                return number, epoch
    return None


def committed_epochs(state: StudyState) -> int:
    """Epochs spent, and those that what runs still has to go to its rungs, asked to stop or not.

    Waiting trials are not counted: they go on before any new move, unless the limit does not pay for them.
    """
    return state.epochs_spent + sum(epochs_to_go(state.trials[run.trial]) for run in state.running.values())


def epochs_to_go(trial: TrialState) -> int:
    """What a trial costs from where it is to its rung; epochs trained again from a checkpoint count once."""
    return max(0, trial.to_epoch - max(trial.epoch, trial.from_epoch))


def pays_for(state: StudyState, trial: TrialState, limits: Limits) -> bool:
    """Whether the epochs that are left take a waiting trial to its rung."""
    return limits.epochs is None or epochs_to_go(trial) <= limits.epochs - committed_epochs(state)


def within_epochs(state: StudyState, move: Move, limits: Limits) -> Move | None:
    """`move` when the epochs pay for it; else, once nothing runs, the best promotion that they do pay for, or None."""
    if limits.epochs is None:
        return move
    left = limits.epochs - committed_epochs(state)
    if _cost(state, move) <= left:
        return move
    confirming = isinstance(move, NewTrial) and move.confirms is not None
    return None if confirming or state.running else _cheaper(state, left, limits.epochs)


def span(seconds: float) -> str:
    """`90 s`, `45 min`, `8 h`, `2 d`: the largest unit that leaves little after the point."""
    for unit, size in (("d", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * size or math.isclose(seconds, size):
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"


def _cost(state: StudyState, move: Move) -> int:
    if isinstance(move, NewTrial):
        return move.to_epoch - move.from_epoch
    return move.to_epoch - state.trials[move.trial].epoch


def _cheaper(state: StudyState, left: int, limit: int) -> Advance | None:
    """Of the resting trials whose next rung is not too far, the best of those that got furthest."""
    created = state.created
    if created is None:
        return None
    aims = Aims.of(created)
    replaced = {trial.replaces for trial in state.trials.values()}  # a fork has taken their place
    able: dict[int, list[TrialState]] = {}
    for trial in state.trials.values():
        resting = trial.status is TrialStatus.RESTING and trial.confirms is None and trial.id not in replaced
        above = rung_above(state, trial)
        if resting and above is not None and above - trial.epoch <= left:
            able.setdefault(trial.epoch, []).append(trial)
    for epoch in sorted(able, reverse=True):
        best = next(iter(ranked(able[epoch], epoch, aims)), None)
        above = None if best is None else rung_above(state, best)
        if best is not None and above is not None:
            paid = f"{left} of {limit} epochs are left"
            reason = f"promoted: {paid}, and it is the best that they take a rung further"
            return Advance(best.id, above, f"{reason} ({show_at(best, epoch, aims)}) at epoch {epoch}")
    return None


def rung_above(state: StudyState, trial: TrialState) -> int | None:
    """The next rung of a trial; None on the last."""
    rungs = () if state.created is None else state.created.plan.rungs
    return next((rung for rung in rungs if rung > trial.epoch), None)
