"""What a study's state means for people: incumbent, gain over the default, time left, idle share. Pure functions."""

from __future__ import annotations

import math
from itertools import accumulate

from orchestrator.events import (
    ControllerStarted,
    Logged,
    Origin,
    SegmentEnded,
    SegmentStarted,
    StudyState,
    StudyStatus,
    TrialState,
    TrialStatus,
)
from orchestrator.events.tally import Tally
from orchestrator.service.views import BestView
from search_spaces.model import Goal, Objective

__all__ = [
    "SlotTime",
    "best",
    "best_so_far",
    "default_at",
    "score_at",
    "seconds_left",
    "seconds_per_epoch",
    "tally",
    "winner",
]


def objective_of(state: StudyState) -> Objective:
    """The first objective; the one that the tables sort by."""
    return state.created.space.objective[0] if state.created is not None else Objective()


def score_at(trial: TrialState, epoch: int, objective: Objective) -> float | None:
    """The objective at an epoch, turned so that higher is better."""
    value = trial.at(epoch, objective.metric)
    if value is None or math.isnan(value):
        return None
    return value if objective.goal is Goal.MAXIMIZE else -value


def tally(state: StudyState) -> Tally:
    """The sums over all reported epochs; only what came since the last call is counted."""
    return state.tally.count(state.trials.values(), objective_of(state))


def best(state: StudyState) -> BestView | None:
    """The incumbent over all reported epochs; ties go to the earlier trial."""
    top = tally(state).best
    return None if top is None else _view(state, state.trials[top[1]], top[2])


def winner(state: StudyState) -> BestView | None:
    """Who is to be retrained: the best among those that got furthest, at its own last epoch."""
    objective = objective_of(state)
    reached = max((trial.epoch for trial in state.trials.values() if trial.history), default=0)
    finalists = [
        (score, trial)
        for trial in state.trials.values()
        if trial.epoch == reached and (score := score_at(trial, reached, objective)) is not None
    ]
    top = max(finalists, key=lambda entry: (entry[0], -entry[1].id), default=None)
    return None if top is None else _view(state, top[1], reached)


def default_at(state: StudyState, epoch: int | None = None) -> BestView | None:
    """The recipe's default configuration at `epoch`, or at its own last one."""
    trial = next((one for one in state.trials.values() if one.origin is Origin.DEFAULT), None)
    if trial is None or not trial.history:
        return None
    at = trial.epoch if epoch is None else epoch
    return BestView(trial=trial.id, epoch=at, metrics=trial.history[at]) if at in trial.history else None


def _view(state: StudyState, trial: TrialState, epoch: int) -> BestView:
    objective = objective_of(state)
    default = default_at(state, epoch)
    gain = None
    if default is not None and objective.metric in default.metrics:
        gain = trial.history[epoch][objective.metric] - default.metrics[objective.metric]
    return BestView(trial=trial.id, epoch=epoch, metrics=trial.history[epoch], gain=gain)


def best_so_far(state: StudyState) -> tuple[float, ...]:
    """The incumbent's objective after each trial that reported, by trial."""
    sign = 1.0 if objective_of(state).goal is Goal.MAXIMIZE else -1.0
    sums = tally(state)
    scores = [score for number in sorted(state.trials) if (score := sums.of(number).best) is not None]
    return tuple(sign * value for value in accumulate(scores, max))


def seconds_per_epoch(state: StudyState) -> float | None:
    """Mean over the reported epochs; trials report their own `seconds`."""
    sums = tally(state)
    if sums.timed:
        return sums.seconds / sums.timed
    return state.busy_seconds / state.epochs_spent if state.busy_seconds and state.epochs_spent else None


def seconds_left(state: StudyState) -> float | None:
    """Expected wall time to the planned end at the pace so far; 0 when it is over."""
    if state.status in {StudyStatus.COMPLETED, StudyStatus.STOPPED, StudyStatus.FAILED}:
        return 0.0
    pace = seconds_per_epoch(state)
    if pace is None or state.created is None:
        return None
    return max(0, state.created.plan.epochs - state.epochs_spent) * pace / max(1, state.workers)


def trial_seconds_left(trial: TrialState, pace: float | None) -> float | None:
    """Expected time until a running trial reaches its rung, at `pace` seconds an epoch."""
    if trial.status is not TrialStatus.RUNNING or pace is None:
        return None
    return max(0, trial.to_epoch - trial.epoch) * pace


LEAST_SLOT_SECONDS = 5.0
"""A share of less slot time than this says nothing."""


class SlotTime:
    """How long how many segments ran at once, event by event, between the first start and the last one.

    After the last start no work exists that an idle slot could take. Time between one controller's end and the next
    one's first start is not counted.
    """

    def __init__(self) -> None:
        self._at: float | None = None
        self._running = 0
        self._spans: dict[int, float] = {}
        self._open: dict[int, float] = {}  # since the last start: counts once another start follows

    def take(self, logged: Logged) -> None:
        """Fold one event in."""
        match logged.event:
            case SegmentStarted():
                self._to(logged.at)
                for running, span in self._open.items():
                    self._spans[running] = self._spans.get(running, 0.0) + span
                self._open.clear()
                self._running += 1
            case SegmentEnded():
                self._to(logged.at)
                self._running -= 1
            case ControllerStarted():
                self._at, self._running = None, 0
            case _:
                pass

    def idle_share(self, workers: int) -> float | None:
        """Share of the time of `workers` slots that stood idle though work existed; None when too short to say."""
        slots = max(1, workers)
        total = slots * sum(self._spans.values())
        idle = sum(span * max(0, slots - running) for running, span in self._spans.items())
        return idle / total if total >= LEAST_SLOT_SECONDS else None

    def _to(self, now: float) -> None:
        if self._at is not None:
            self._open[self._running] = self._open.get(self._running, 0.0) + max(0.0, now - self._at)
        self._at = now
