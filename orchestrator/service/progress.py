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
from orchestrator.events.aims import Aims
from orchestrator.events.front import FrontTally
from orchestrator.events.tally import Tally
from orchestrator.search.confirm import Confirmed, confirmed, repetitions
from orchestrator.search.limits import target_reached
from orchestrator.service.limits import seconds_left_by_limits
from orchestrator.service.views import BestView
from reid_core.errors import UsageError
from search_spaces.limits import parse_target
from search_spaces.model import Goal, Objective

__all__ = [
    "SlotTime",
    "aims_of",
    "best",
    "best_so_far",
    "default_at",
    "front",
    "hypervolume",
    "picked",
    "planned_epochs",
    "planned_trials",
    "score_at",
    "seconds_left",
    "seconds_per_epoch",
    "tally",
    "view_at",
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
    """The sums over all reported epochs but those of confirmations; only what came since the last call is counted."""
    own = (trial for trial in state.trials.values() if trial.confirms is None)
    return state.tally.count(own, objective_of(state), state.seq)


def best(state: StudyState) -> BestView | None:
    """The incumbent over all reported epochs, ties go to the earlier trial; once confirmed or completed, the winner."""
    found = winner(state) if state.status is StudyStatus.COMPLETED or confirmed(state) else None
    if found is not None:
        return found
    if not aims_of(state).plain:
        placed = _front(state).best
        return None if placed is None else _view(state, state.trials[placed.trial], placed.epoch)
    top = tally(state).best
    return None if top is None else _view(state, state.trials[top[1]], top[2])


def aims_of(state: StudyState) -> Aims:
    """The objectives and constraints of a study."""
    return Aims.of(state.created) if state.created is not None else Aims((Objective(),))


def front(state: StudyState) -> tuple[BestView, ...]:
    """The Pareto front over all rungs, the best in the first objective first; empty with a single objective."""
    if len(aims_of(state).objectives) < 2:
        return ()
    return tuple(_view(state, state.trials[one.trial], one.epoch) for one in _front(state).front)


def hypervolume(state: StudyState) -> float | None:
    """The share of the objectives' box that the front dominates; None with a single objective."""
    return None if len(aims_of(state).objectives) < 2 else _front(state).hypervolume()


def _front(state: StudyState) -> FrontTally:
    rungs = frozenset(state.created.plan.rungs) if state.created is not None else frozenset()
    own = (trial for trial in state.trials.values() if trial.confirms is None)
    return state.front.count(own, aims_of(state), rungs)


def winner(state: StudyState) -> BestView | None:
    """Who is to be retrained: the best at its own last epoch, of equals the one that got further.

    One that is better after fewer epochs has shown more than one that is worse after all of them. Trials that break a
    constraint come last; of several objectives the first decides. Confirmed finalists: the best mean over seeds. A
    target that was reached: the best of those that meet it.
    """
    means = confirmed(state)
    if means:
        return _confirmed_view(state, means[0])
    able = [trial for trial in state.trials.values() if trial.history and trial.confirms is None]
    enough = _meeting_target(state, able)
    aims, objective, pool = aims_of(state), objective_of(state), enough or able
    sound = [trial for trial in pool if aims.violation(trial.metrics) == 0] or pool
    scored = [(score, trial) for trial in sound if (score := score_at(trial, trial.epoch, objective)) is not None]
    top = max(scored, key=lambda one: (-aims.violation(one[1].metrics), one[0], one[1].epoch, -one[1].id), default=None)
    return None if top is None else _view(state, top[1], top[1].epoch)


def picked(state: StudyState, metric: str) -> BestView | None:
    """The one of the front that is best in an objective, ties by the first one; None while nothing is there.

    Raises UsageError when the metric is no objective of the study.
    """
    aims = aims_of(state)
    names = [objective.metric for objective in aims.objectives]
    if metric not in names:
        raise UsageError(f"{metric} is not an objective of this study", hint=f"there are {', '.join(names)}")
    placed = _front(state)
    column = names.index(metric)
    top = max(placed.front, key=lambda one: one.vector[column], default=placed.best)
    return None if top is None else _view(state, state.trials[top.trial], top.epoch)


def view_at(state: StudyState, trial: int, epoch: int | None = None) -> BestView | None:
    """A trial at `epoch`, or at its last one; None before its first."""
    one = state.trials[trial]
    at = one.epoch if epoch is None else epoch
    return _view(state, one, at) if at in one.history else None


def _meeting_target(state: StudyState, trials: list[TrialState]) -> list[TrialState]:
    """Those of `trials` that meet the study's target at their last epoch; none without a target or before it is met."""
    text = state.created.limits.target if state.created is not None else ""
    if not text or target_reached(state, parse_target(text)) is None:
        return []
    return [trial for trial in trials if parse_target(text).met_by(trial.metrics)]


def default_at(state: StudyState, epoch: int | None = None) -> BestView | None:
    """The recipe's default configuration at `epoch`, or at its own last one; its means there once it is confirmed."""
    trial = next((one for one in state.trials.values() if one.origin is Origin.DEFAULT), None)
    if trial is None or not trial.history:
        return None
    at = trial.epoch if epoch is None else epoch
    over = next((one for one in confirmed(state) if one.trial == trial.id and at == trial.epoch), None)
    if over is not None:
        return BestView(trial=trial.id, epoch=at, metrics=over.means, runs=over.runs, deviations=over.deviations)
    return BestView(trial=trial.id, epoch=at, metrics=trial.history[at]) if at in trial.history else None


def _view(state: StudyState, trial: TrialState, epoch: int) -> BestView:
    metrics = trial.history[epoch]
    broken = aims_of(state).broken(metrics)
    return BestView(trial=trial.id, epoch=epoch, metrics=metrics, gain=_gain(state, metrics, epoch), broken=broken)


def _confirmed_view(state: StudyState, found: Confirmed) -> BestView:
    epoch, means = state.trials[found.trial].epoch, found.means
    gain, broken = _gain(state, means, epoch), aims_of(state).broken(means)
    over_runs = BestView(trial=found.trial, epoch=epoch, metrics=means, gain=gain, broken=broken)
    return over_runs.model_copy(update={"runs": found.runs, "deviations": found.deviations})


def _gain(state: StudyState, metrics: dict[str, float], epoch: int) -> float | None:
    """The objective's difference to the default configuration at the same epoch; None when either is unknown."""
    default, metric = default_at(state, epoch), objective_of(state).metric
    if default is None or metric not in default.metrics or metric not in metrics:
        return None
    return metrics[metric] - default.metrics[metric]


def best_so_far(state: StudyState) -> tuple[float, ...]:
    """The incumbent's objective after each trial that reported, by trial."""
    sign = 1.0 if objective_of(state).goal is Goal.MAXIMIZE else -1.0
    if aims_of(state).constraints:
        return tuple(sign * value for value in accumulate(_sound_bests(state), max))
    sums = tally(state)
    scores = [score for number in sorted(state.trials) if (score := sums.of(number).best) is not None]
    return tuple(sign * value for value in accumulate(scores, max))


def _sound_bests(state: StudyState) -> list[float]:
    """The best score of each trial among the epochs at which it satisfies the constraints, where there is one."""
    aims, objective = aims_of(state), objective_of(state)
    found = []
    for _, trial in sorted(state.trials.items()):
        scores = [
            score
            for epoch, metrics in trial.history.items()
            if aims.violation(metrics) == 0 and (score := score_at(trial, epoch, objective)) is not None
        ]
        found += [max(scores)] if scores else []
    return found


def seconds_per_epoch(state: StudyState) -> float | None:
    """Mean over the reported epochs; trials report their own `seconds`."""
    sums = tally(state)
    if sums.timed:
        return sums.seconds / sums.timed
    return state.busy_seconds / state.epochs_spent if state.busy_seconds and state.epochs_spent else None


def seconds_left(state: StudyState) -> float | None:
    """Expected wall time to the planned end, or to a limit before it, at the pace so far; 0 when it is over."""
    if state.status in {StudyStatus.COMPLETED, StudyStatus.STOPPED, StudyStatus.FAILED}:
        return 0.0
    pace = seconds_per_epoch(state)
    if pace is None or state.created is None:
        return None
    planned = max(0, planned_epochs(state) - state.epochs_spent) * pace / max(1, state.workers)
    limited = seconds_left_by_limits(state.created.limits, state, pace)
    return planned if limited is None else min(planned, limited)


def planned_trials(state: StudyState) -> int:
    """Trials of the plan, what took the place of some of them, and the repetitions that confirm its finalists."""
    if state.created is None:
        return 0
    forks = sum(trial.parent is not None for trial in state.trials.values())
    return state.created.plan.trials + forks + repetitions(state.created, state)


def planned_epochs(state: StudyState) -> int:
    """Epochs of the plan, and of the repetitions that confirm its finalists."""
    if state.created is None:
        return 0
    plan = state.created.plan
    return plan.epochs + repetitions(state.created, state) * plan.max_epochs


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
