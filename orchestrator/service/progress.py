"""What a study's state means for people: incumbent, gain over the default, time left, idle share. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from orchestrator.events import (
    Logged,
    Origin,
    SegmentEnded,
    SegmentStarted,
    StudyState,
    StudyStatus,
    TrialState,
    TrialStatus,
)
from orchestrator.service.views import BestView
from search_spaces.model import Goal, Objective

__all__ = [
    "best",
    "best_so_far",
    "default_at",
    "idle_share",
    "score_at",
    "seconds_left",
    "seconds_per_epoch",
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


def _scores(state: StudyState) -> Iterator[tuple[float, TrialState, int]]:
    objective = objective_of(state)
    for trial in state.trials.values():
        for epoch in trial.history:
            score = score_at(trial, epoch, objective)
            if score is not None:
                yield score, trial, epoch


def best(state: StudyState) -> BestView | None:
    """The incumbent over all reported epochs; ties go to the earlier trial."""
    top = max(_scores(state), key=lambda entry: (entry[0], -entry[1].id, -entry[2]), default=None)
    return None if top is None else _view(state, top[1], top[2])


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
    objective = objective_of(state)
    sign = 1.0 if objective.goal is Goal.MAXIMIZE else -1.0
    curve: list[float] = []
    for _, trial in sorted(state.trials.items()):
        scores = [s for epoch in trial.history if (s := score_at(trial, epoch, objective)) is not None]
        if scores:
            curve.append(max([*scores, *(curve[-1:])]))
    return tuple(sign * value for value in curve)


def seconds_per_epoch(state: StudyState) -> float | None:
    """Mean over the reported epochs; trials report their own `seconds`."""
    seconds = [
        metrics["seconds"]
        for trial in state.trials.values()
        for metrics in trial.history.values()
        if "seconds" in metrics
    ]
    if seconds:
        return sum(seconds) / len(seconds)
    return state.busy_seconds / state.epochs_spent if state.busy_seconds and state.epochs_spent else None


def seconds_left(state: StudyState) -> float | None:
    """Expected wall time to the planned end at the pace so far; 0 when it is over."""
    if state.status in {StudyStatus.COMPLETED, StudyStatus.STOPPED, StudyStatus.FAILED}:
        return 0.0
    pace = seconds_per_epoch(state)
    if pace is None or state.created is None:
        return None
    return max(0, state.created.plan.epochs - state.epochs_spent) * pace / max(1, state.workers)


def trial_seconds_left(state: StudyState, trial: TrialState) -> float | None:
    """Expected time until a running trial reaches its rung."""
    if trial.status is not TrialStatus.RUNNING:
        return None
    pace = seconds_per_epoch(state)
    return None if pace is None else max(0, trial.to_epoch - trial.epoch) * pace


LEAST_SLOT_SECONDS = 5.0
"""A share of less slot time than this says nothing."""


@dataclass(slots=True)
class _SlotTime:
    """Integrates running segments over time between the first start and the last start."""

    workers: int = 1
    at: float | None = None
    running: int = 0
    idle: float = 0.0
    total: float = 0.0

    def to(self, now: float) -> None:
        if self.at is not None:
            span = max(0.0, now - self.at)
            self.total += span * self.workers
            self.idle += span * max(0, self.workers - self.running)
        self.at = now


def idle_share(log: list[Logged], workers: int) -> float | None:
    """Share of slot time that stood idle while the search still had segments to start.

    Counted from the first start to the last one: afterwards no work exists that an idle slot could take.
    Time between one controller's end and the next one's first start is not counted. None when too short to say.
    """
    time = _SlotTime(workers=max(1, workers))
    best: tuple[float, float] | None = None
    for logged in log:
        match logged.event:
            case SegmentStarted():
                time.to(logged.at)
                best = (time.idle, time.total)
                time.running += 1
            case SegmentEnded():
                time.to(logged.at)
                time.running -= 1
            case _ if logged.event.kind == "controller_started":
                time.at, time.running = None, 0
    return best[0] / best[1] if best is not None and best[1] >= LEAST_SLOT_SECONDS else None
