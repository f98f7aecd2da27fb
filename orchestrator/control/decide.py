"""decide: what to do next, as a pure function of the study's state. Same log, same decisions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from orchestrator.control.retry import micro_batches
from orchestrator.events import Limits, StudyState, StudyStatus, TrialState, TrialStatus
from orchestrator.search import Advance, Algorithm, Move, NewTrial
from orchestrator.search.asking import promotion_asked
from orchestrator.search.limits import epochs_to_go, limit_met, pays_for, short_of_epochs, time_is_up, within_epochs
from orchestrator.trial.kinds import FailureKind

__all__ = ["Decision", "Finish", "Start", "Stop", "Suggest", "decide", "resume_epoch", "unwanted"]

COMMON_CAUSE = 3
"""So many trials failing alike before any epoch was finished end the study: the rest would fail alike."""


_RESTING = frozenset({StudyStatus.PAUSED, StudyStatus.STOPPED, StudyStatus.QUEUED})
"""A queued study whose controller still runs leaves it: the daemon starts another when its turn has come."""


@dataclass(frozen=True, slots=True)
class Suggest:
    """Add this trial and start its first segment."""

    trial: int
    move: NewTrial


@dataclass(frozen=True, slots=True)
class Start:
    """Start a segment of an existing trial from its last checkpoint."""

    trial: int
    from_epoch: int
    to_epoch: int
    attempt: int
    reason: str


@dataclass(frozen=True, slots=True)
class Stop:
    """Ask a running segment to pause after its epoch."""

    segment: int


@dataclass(frozen=True, slots=True)
class Finish:
    """The study is over."""

    status: StudyStatus
    reason: str


Decision: TypeAlias = Suggest | Start | Stop | Finish


def decide(
    algorithm: Algorithm,
    state: StudyState,
    slots: int,
    stopping: frozenset[int] = frozenset(),
    now: float | None = None,
) -> Decision | None:
    """The next single decision, or None: wait for something running. Call again after applying it.

    `slots` is the number of segments that may run side by side (of more than that the newest are asked to pause),
    `stopping` the segments already asked to stop, `now` the time (Unix, in seconds) that limits of time are measured
    against; without it, that of the last event.
    """
    surplus = unwanted(state, now) - stopping
    if surplus:
        return Stop(min(surplus))
    going_on = state.running.keys() - stopping
    if len(going_on) > slots:
        return Stop(max(going_on))
    if state.status is not StudyStatus.RUNNING:
        return Finish(state.status, state.reason) if not state.running else None
    hopeless = _common_cause(state)
    if hopeless:
        return Finish(StudyStatus.FAILED, hopeless) if not state.running else None
    limits = _limits(state)
    ended = limit_met(state, limits, now)
    if ended:
        return _finish(state, ended) if not state.running else None
    if len(state.running) >= slots:
        return None
    waiting = _waiting(state)
    paid = next((trial for trial in waiting if pays_for(state, trial, limits)), None)
    if paid is not None:
        return _again(paid)
    wanted = _wanted(algorithm, state, limits)
    match wanted and within_epochs(state, wanted, limits):
        case NewTrial() as move:
            return Suggest(max(state.trials, default=0) + 1, move)
        case Advance() as move:
            trial = state.trials[move.trial]
            return Start(trial.id, resume_epoch(trial), move.to_epoch, 1, move.reason)
        case None:
            return None if state.running else _finish(state, _too_dear(state, limits, waiting, wanted))


def _wanted(algorithm: Algorithm, state: StudyState, limits: Limits) -> Move | None:
    """A promotion by hand that the epochs pay for, else the algorithm's own move."""
    asked = promotion_asked(state)
    return asked if asked is not None and within_epochs(state, asked, limits) == asked else algorithm.next(state)


def resume_epoch(trial: TrialState) -> int:
    """The epoch a segment continues from: that of the newest durable checkpoint; a fork's first is its parent's."""
    return trial.checkpoint.epoch if trial.checkpoint is not None else trial.from_epoch


def unwanted(state: StudyState, now: float | None = None) -> frozenset[int]:
    """Running segments that should pause: the study or their trial was asked to stop, or time is up at `now`."""
    going_on = state.status is StudyStatus.STOPPED and state.at_rung
    if (state.status in _RESTING and not going_on) or time_is_up(state, _limits(state), now):
        return frozenset(state.running)
    return frozenset(
        segment for segment, run in state.running.items() if state.trials[run.trial].status is TrialStatus.STOPPED
    )


def _waiting(state: StudyState) -> list[TrialState]:
    """Who may be continued, the oldest first; not before the last segment of a trial stopped and retried has ended."""
    busy = {run.trial for run in state.running.values()}
    waiting = (trial for trial in state.trials.values() if trial.status is TrialStatus.WAITING)
    return sorted((trial for trial in waiting if trial.id not in busy), key=lambda trial: trial.id)


def _too_dear(state: StudyState, limits: Limits, waiting: Sequence[TrialState], wanted: Move | None) -> str:
    """What is not made for want of epochs, in words; empty when nothing is."""
    spent = short_of_epochs(state, limits)
    if waiting:
        costs = " and ".join(f"going on with trial {trial.id} takes {epochs_to_go(trial)}" for trial in waiting)
        return f"{spent}, and {costs}: more than the rest"
    return f"{spent}, and the next step takes more than the rest" if wanted else ""


def _limits(state: StudyState) -> Limits:
    return state.created.limits if state.created is not None else Limits()


def _again(trial: TrialState) -> Start:
    """A trial that was paused, lost or failed retryably goes on from its last checkpoint."""
    last = f" after {trial.failures[-1][0]}" if trial.failures else ""
    attempt = trial.attempts + 1
    if trial.failures and trial.failures[-1][0] is FailureKind.OUT_OF_MEMORY:
        reason = f"again after out of memory, in {micro_batches(trial)} micro-batches (attempt {attempt})"
        return Start(trial.id, resume_epoch(trial), trial.to_epoch, attempt, reason)
    return Start(trial.id, resume_epoch(trial), trial.to_epoch, attempt, f"continued{last} (attempt {attempt})")


def _causes(state: StudyState) -> Counter[tuple[str, str]]:
    """(failure kind, message) of every failed trial, counted."""
    failed = [trial for trial in state.trials.values() if trial.status is TrialStatus.FAILED]
    return Counter((trial.failures[-1][0].value if trial.failures else "infeasible", trial.message) for trial in failed)


def _common_cause(state: StudyState) -> str:
    if len(state.trials) < COMMON_CAUSE or any(trial.history for trial in state.trials.values()):
        return ""
    kinds: Counter[str] = Counter()
    for (kind, _), count in _causes(state).items():
        kinds[kind] += count
    for kind in ("data", "bug"):
        if kinds[kind] >= COMMON_CAUSE:
            message = next(text for (one, text), _ in _causes(state).most_common() if one == kind)
            return f"the first {kinds[kind]} trials failed alike ({kind}): {message}"
    return ""


def _finish(state: StudyState, why: str) -> Finish:
    """The end of a search; `why` it ended before its plan was done, or empty."""
    trials, causes = state.trials.values(), _causes(state)
    if causes and not any(trial.history for trial in trials):
        (kind, message), count = causes.most_common(1)[0]
        return Finish(StudyStatus.FAILED, f"all {len(trials)} trials failed, {count} of them alike ({kind}): {message}")
    failed = sum(causes.values())
    told = [why] if why else []
    told += [f"{failed} of {len(trials)} trials failed"] if failed else []
    return Finish(StudyStatus.COMPLETED, "; ".join(told))
