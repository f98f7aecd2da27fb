"""From events to changes of MLflow runs: pure, so the same log gives the same runs."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.events import (
    CheckpointSaved,
    CommandGiven,
    ControllerStarted,
    EpochReported,
    Event,
    Logged,
    SegmentEnded,
    SegmentStarted,
    StudyCreated,
    StudyEnded,
    StudyState,
    StudyStatus,
    TrialStatus,
    TrialSuggested,
)
from orchestrator.events.aims import Aims
from orchestrator.events.front import FrontTally
from orchestrator.tracking.changes import TRIAL_TAG, Point, RunChange, RunStatus
from orchestrator.tracking.written import TEXT_LIMIT, common_tags, config_yaml, milliseconds, text_of
from reid_core.config import Value, Values
from search_spaces.model import Goal

__all__ = ["Translation"]

_TRIAL_STATUS = {
    TrialStatus.WAITING: RunStatus.SCHEDULED,
    TrialStatus.RUNNING: RunStatus.RUNNING,
    TrialStatus.RESTING: RunStatus.FINISHED,  # its results count; an advance sets it running again
    TrialStatus.COMPLETED: RunStatus.FINISHED,
    TrialStatus.FAILED: RunStatus.FAILED,
    TrialStatus.STOPPED: RunStatus.KILLED,
}

_STUDY_STATUS = {
    StudyStatus.CREATED: RunStatus.SCHEDULED,
    StudyStatus.RUNNING: RunStatus.RUNNING,
    StudyStatus.PAUSED: RunStatus.SCHEDULED,
    StudyStatus.COMPLETED: RunStatus.FINISHED,
    StudyStatus.STOPPED: RunStatus.KILLED,
    StudyStatus.FAILED: RunStatus.FAILED,
}


@dataclass(frozen=True, slots=True)
class _Best:
    value: float
    trial: int
    epoch: int


class Translation:
    """Folds the log and collects what each event changes, run by run.

    `changes` maps a trial (None: the parent run) to what is still to be written; the writer removes from it.
    """

    def __init__(self) -> None:
        self.state = StudyState()
        self.changes: dict[int | None, RunChange] = {}
        self._suggested_ms: dict[int, int] = {}
        self._checkpoints: dict[tuple[int, int], str] = {}
        self._best: dict[str, _Best] = {}

    def remember(self, logged: Logged) -> None:
        """Fold an event whose changes were written before."""
        self._fold(logged)
        self._best_after(logged)

    def translate(self, logged: Logged) -> None:
        """Fold an event and add to `changes` what follows from it. Events must come without gaps."""
        orphans = (
            [run.trial for run in self.state.running.values()] if isinstance(logged.event, ControllerStarted) else []
        )
        self._fold(logged)
        self._apply(logged.event, milliseconds(logged.at))
        for trial in orphans:
            self._place(trial, milliseconds(logged.at))
        if self._best_after(logged):
            self._summarise(milliseconds(logged.at))

    def _fold(self, logged: Logged) -> None:
        self.state.apply(logged)
        match logged.event:
            case TrialSuggested():
                self._suggested_ms[logged.event.trial] = milliseconds(logged.at)
            case CheckpointSaved() as saved:
                self._checkpoints[saved.trial, saved.epoch] = saved.path
            case _:
                pass

    def _apply(self, event: Event, at: int) -> None:
        match event:
            case StudyCreated():
                self._create(event)
            case ControllerStarted():
                self._parent().status = RunStatus.RUNNING
                self._parent().tags["reid_tune.status"] = self.state.status.value
            case TrialSuggested():
                self._suggest(event, at)
            case SegmentStarted():
                self._place(event.trial, at)
                tags = self._trial(event.trial).tags
                tags["reid_tune.rung"] = str(event.to_epoch)
                if event.reason:
                    tags["reid_tune.advance_reason"] = event.reason[:TEXT_LIMIT]
            case EpochReported():
                points = self._trial(event.trial).points
                points.extend(Point(name, value, at, event.epoch) for name, value in sorted(event.metrics.items()))
            case CheckpointSaved():
                self._trial(event.trial).tags["reid_tune.checkpoint"] = event.path
            case SegmentEnded():
                self._end_segment(event, at)
            case CommandGiven():
                self._parent().tags["reid_tune.status"] = self.state.status.value
                if event.trial in self.state.trials:
                    self._place(event.trial, at)
            case StudyEnded():
                self._end_study(event, at)

    def _create(self, created: StudyCreated) -> None:
        change = self._parent()
        change.status = RunStatus.SCHEDULED
        change.params = {
            "space": created.space.name,
            "algorithm": created.algorithm,
            "objective": ", ".join(f"{one.goal.value} {one.metric}" for one in created.space.objective),
            "seed": str(created.seed),
            "trials": str(created.plan.trials),
            "max_epochs": str(created.plan.max_epochs),
            "min_epochs": str(created.plan.min_epochs),
            "eta": str(created.plan.eta),
            "backend": created.backend,
            "workers": str(created.workers),
        }
        change.tags |= common_tags(self.state.created) | {"reid_tune.status": self.state.status.value}
        if created.command:
            change.tags["mlflow.note.content"] = f"`{created.command}`"[:TEXT_LIMIT]
        change.texts["default/config.yaml"] = config_yaml(created.base)
        change.texts["space.json"] = created.space.model_dump_json(indent=2)

    def _suggest(self, event: TrialSuggested, at: int) -> None:
        change = self._trial(event.trial)
        change.params = {key: text_of(value) for key, value in event.values.items()}
        change.tags |= common_tags(self.state.created) | {
            TRIAL_TAG: str(event.trial),
            "reid_tune.origin": event.origin.value,
            "reid_tune.reason": event.reason[:TEXT_LIMIT],
            "reid_tune.bracket": str(event.bracket),
            "reid_tune.rung": str(event.to_epoch),
        }
        if event.parent is not None:
            change.tags |= {"reid_tune.parent": str(event.parent), "reid_tune.from_epoch": str(event.from_epoch)}
        if event.seed is not None:
            change.tags |= {"reid_tune.row": event.row, "reid_tune.seed": str(event.seed)}
        change.texts["config.yaml"] = config_yaml(self._config(event.trial))
        self._place(event.trial, at)

    def _end_segment(self, event: SegmentEnded, at: int) -> None:
        self._place(event.trial, at)
        if event.failure is not None:
            tags = self._trial(event.trial).tags
            tags["reid_tune.failure"] = event.failure.value
            tags["reid_tune.message"] = event.message[:TEXT_LIMIT]

    def _end_study(self, event: StudyEnded, at: int) -> None:
        for trial, state in self.state.trials.items():
            if state.status in {TrialStatus.WAITING, TrialStatus.RUNNING}:
                change = self._trial(trial)
                change.status, change.at_ms = RunStatus.KILLED, at
        parent = self._parent()
        parent.status, parent.at_ms = _STUDY_STATUS[event.status], at
        parent.tags["reid_tune.status"] = event.status.value
        if event.reason:
            parent.tags["reid_tune.end_reason"] = event.reason[:TEXT_LIMIT]
        self._keep_best(parent)

    def _keep_best(self, parent: RunChange) -> None:
        best = self._chosen()
        if best is None:
            return
        trial = self.state.trials[best.trial]
        newest = trial.checkpoint.path if trial.checkpoint is not None else ""
        checkpoint = self._checkpoints.get((best.trial, best.epoch), newest)
        told = {
            "trial": best.trial,
            "epoch": best.epoch,
            "metrics": trial.history[best.epoch],
            "values": trial.values,
            "checkpoint": checkpoint,
        }
        parent.texts["best/config.yaml"] = config_yaml(self._config(best.trial))
        parent.texts["best/best.json"] = json.dumps(told, indent=2)
        parent.tags["reid_tune.best_trial"] = str(best.trial)
        parent.tags["reid_tune.best_epoch"] = str(best.epoch)
        if "://" in checkpoint:  # it is kept in a place of its own: MLflow gets to know where
            parent.tags["reid_tune.best_checkpoint"] = checkpoint
        elif checkpoint:
            parent.files = {checkpoint: "best"}
        self._keep_front(parent)

    def _chosen(self) -> _Best | None:
        """The best in the first objective; where there are constraints, of what satisfies them."""
        created = self.state.created
        if created is None:
            return None
        if not created.space.outcome_constraints:
            return self._best.get(created.space.objective[0].metric)
        placed = self._front(created).best
        return None if placed is None else _Best(placed.vector[0], placed.trial, placed.epoch)

    def _front(self, created: StudyCreated) -> FrontTally:
        own = (trial for trial in self.state.trials.values() if trial.confirms is None)
        return self.state.front.count(own, Aims.of(created), frozenset(created.plan.rungs))

    def _keep_front(self, parent: RunChange) -> None:
        """The trials of the Pareto front, with what they reported."""
        created = self.state.created
        if created is None or len(created.space.objective) < 2:
            return
        front = self._front(created).front
        told = [
            {"trial": one.trial, "epoch": one.epoch, "metrics": self.state.trials[one.trial].history[one.epoch]}
            for one in front
        ]
        parent.texts["best/front.json"] = json.dumps(told, indent=2)
        parent.tags["reid_tune.front"] = ", ".join(str(one.trial) for one in front)[:TEXT_LIMIT]

    def _best_after(self, logged: Logged) -> bool:
        """Whether the event is a report on a rung, where trials compare; keeps the best of each objective."""
        event, created = logged.event, self.state.created
        if not isinstance(event, EpochReported) or created is None or event.epoch not in created.plan.rungs:
            return False
        if Aims.of(created).violation(event.metrics) > 0:
            return True
        for objective in created.space.objective:
            value = event.metrics.get(objective.metric, math.nan)
            best = self._best.get(objective.metric)
            sign = 1.0 if objective.goal is Goal.MAXIMIZE else -1.0
            if math.isfinite(value) and (best is None or sign * value > sign * best.value):
                self._best[objective.metric] = _Best(value, event.trial, event.epoch)
        return True

    def _summarise(self, at: int) -> None:
        """Best so far against epochs spent, on the parent run."""
        step = self.state.epochs_spent
        points = self._parent().points
        created = self.state.created
        if created is not None and len(created.space.objective) > 1:
            tally = self._front(created)
            points.append(Point("front_size", len(tally.front), at, step))
            share = tally.hypervolume()
            points.extend([] if share is None else [Point("hypervolume", share, at, step)])
        points.extend(Point(f"best_{metric}", best.value, at, step) for metric, best in sorted(self._best.items()))

    def _place(self, trial: int, at: int) -> None:
        status = self.state.trials[trial].status
        change = self._trial(trial)
        change.status, change.at_ms = _TRIAL_STATUS[status], at
        change.tags["reid_tune.status"] = status.value

    def _parent(self) -> RunChange:
        created = self.state.created
        name = created.name if created is not None else ""
        return self.changes.setdefault(None, RunChange(None, name, milliseconds(self.state.created_at)))

    def _trial(self, trial: int) -> RunChange:
        if trial not in self.changes:
            self.changes[trial] = RunChange(trial, f"trial-{trial:04d}", self._suggested_ms[trial])
        return self.changes[trial]

    def _config(self, trial: int) -> Values:
        base: Mapping[str, Value] = self.state.created.base if self.state.created is not None else {}
        return {**base, **self.state.trials[trial].values}
