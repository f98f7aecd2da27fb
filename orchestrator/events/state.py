"""StudyState: what a log says, folded event by event. The same log gives the same state."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from orchestrator.events.collection import collector_at_rest, settled
from orchestrator.events.front import FrontTally
from orchestrator.events.log import (
    CheckpointSaved,
    CommandGiven,
    CommandKind,
    ControllerStarted,
    EpochReported,
    Event,
    Logged,
    NodeSetAside,
    Origin,
    OutcomeKind,
    SegmentEnded,
    SegmentStarted,
    StudyCreated,
    StudyEnded,
    StudyStatus,
    TrialSuggested,
)
from orchestrator.events.tally import Tally
from orchestrator.trial.kinds import FailureKind
from reid_core.config import Values

__all__ = ["Checkpoint", "Running", "StudyState", "TrialState", "TrialStatus", "fold"]

_LONG = 20_000  # events; a shorter log is not worth the settling


class TrialStatus(StrEnum):
    """Where a trial stands. A resting trial waits, checkpointed, on a rung until it is advanced."""

    WAITING = "waiting"
    RUNNING = "running"
    RESTING = "resting"
    COMPLETED = "completed"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The newest durable checkpoint of a trial."""

    path: str
    epoch: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Running:
    """A segment that is under way."""

    segment: int
    trial: int
    from_epoch: int
    to_epoch: int
    attempt: int
    started: float


@dataclass(slots=True)
class TrialState:
    """One trial: its configuration, where it stands, every epoch it reported. A fork begins on `from_epoch`."""

    id: int
    values: Values
    origin: Origin
    reason: str
    bracket: int
    to_epoch: int
    status: TrialStatus = TrialStatus.WAITING
    epoch: int = 0
    history: dict[int, dict[str, float]] = field(default_factory=dict)
    checkpoint: Checkpoint | None = None
    attempts: int = 0
    failures: list[tuple[FailureKind, str]] = field(default_factory=list)
    advance_reason: str = ""
    seconds: float = 0.0
    retry_from: int = 0
    message: str = ""
    row: str = ""
    seed: int | None = None
    parent: int | None = None
    from_epoch: int = 0
    replaces: int | None = None
    confirms: int | None = None
    rung_checkpoints: dict[int, Checkpoint] = field(default_factory=dict)  # for others to go on from

    @property
    def metrics(self) -> dict[str, float]:
        """Metrics of the last finished epoch; empty before the first."""
        return self.history.get(self.epoch, {})

    def at(self, epoch: int, metric: str) -> float | None:
        """The metric at an epoch, or None when it was not reported."""
        return self.history.get(epoch, {}).get(metric)


@dataclass(slots=True)
class StudyState:
    """A study after `seq` events. Only `apply` changes it; decisions read it."""

    created: StudyCreated | None = None
    status: StudyStatus = StudyStatus.CREATED
    reason: str = ""
    seq: int = 0
    created_at: float = 0.0
    updated_at: float = 0.0
    ended_at: float | None = None
    trials: dict[int, TrialState] = field(default_factory=dict)
    running: dict[int, Running] = field(default_factory=dict)
    segments: int = 0
    epochs_spent: int = 0
    busy_seconds: float = 0.0
    ran_seconds: float = 0.0
    ran_since: float | None = None
    token: int = 0
    workers: int = 0
    avoided: dict[str, str] = field(default_factory=dict)  # nodes set aside by the newest controller, and why
    archived: bool = False
    note: str = ""
    tags: tuple[str, ...] = ()
    weight: float = 1.0
    priority: int = 0
    max_slots: int | None = None
    tally: Tally = field(default_factory=Tally, compare=False, repr=False)  # what readers counted so far
    front: FrontTally = field(default_factory=FrontTally, compare=False, repr=False)  # as the tally, where it has use

    def apply(self, logged: Logged) -> None:
        """Fold one more event in. Events must come in the order of their `seq`, without gaps."""
        if logged.seq != self.seq + 1:
            raise ValueError(f"event {logged.seq} does not follow event {self.seq}")
        self.seq = logged.seq
        self._apply(logged.event, logged.at)  # before updated_at: a new controller asks when the one before was heard
        self.updated_at = logged.at

    def wall_seconds(self, now: float | None = None) -> float:
        """Seconds that the study has run until `now` (default: its last event): pauses and crashes do not count."""
        until = self.updated_at if now is None else now
        return self.ran_seconds + (0.0 if self.ran_since is None else max(0.0, until - self.ran_since))

    def _apply(self, event: Event, at: float) -> None:
        match event:
            case EpochReported():  # first: four of five events
                self._report(event)
            case StudyCreated():
                self.created, self.created_at, self.workers = event, at, event.workers
            case ControllerStarted():
                self._take_over(event, at)
            case TrialSuggested():
                self.trials[event.trial] = TrialState(
                    id=event.trial,
                    values=dict(event.values),
                    origin=event.origin,
                    reason=event.reason,
                    bracket=event.bracket,
                    to_epoch=event.to_epoch,
                    row=event.row,
                    seed=event.seed,
                    parent=event.parent,
                    epoch=event.from_epoch,
                    from_epoch=event.from_epoch,
                    replaces=event.replaces,
                    confirms=event.confirms,
                )
            case SegmentStarted():
                self._start(event, at)
            case CheckpointSaved():
                self._save(event)
            case SegmentEnded():
                self._end(event)
            case CommandGiven():
                self._command(event, at)
            case NodeSetAside():
                self.avoided[event.node] = event.reason
            case StudyEnded():
                self._rest(at)
                self.status, self.reason, self.ended_at = event.status, event.reason, at

    def _rest(self, at: float) -> None:
        """The study runs no longer."""
        self.ran_seconds, self.ran_since = self.wall_seconds(at), None

    def _report(self, event: EpochReported) -> None:
        trial = self.trials[event.trial]
        if event.epoch not in trial.history:
            trial.history[event.epoch] = event.metrics
            trial.epoch = max(trial.epoch, event.epoch)
            self.epochs_spent += 1

    def _save(self, event: CheckpointSaved) -> None:
        trial = self.trials[event.trial]
        trial.checkpoint = Checkpoint(event.path, event.epoch, event.sha256)
        if self.created is not None and event.epoch in self.created.plan.rungs:
            trial.rung_checkpoints[event.epoch] = trial.checkpoint

    def _take_over(self, event: ControllerStarted, at: float) -> None:
        """A new controller: segments of the one before are orphans; their trials wait to be started again."""
        self._rest(self.updated_at)
        self.ran_since = at
        self.busy_seconds += sum(max(0.0, self.updated_at - run.started) for run in self.running.values())
        self.token, self.workers = event.token, event.workers
        self.avoided.clear()
        self.status, self.reason, self.ended_at = StudyStatus.RUNNING, "", None
        for run in self.running.values():
            trial = self.trials[run.trial]
            if trial.status is not TrialStatus.STOPPED:
                trial.status = TrialStatus.WAITING
        self.running.clear()

    def _start(self, event: SegmentStarted, at: float) -> None:
        trial = self.trials[event.trial]
        trial.status, trial.to_epoch = TrialStatus.RUNNING, event.to_epoch
        trial.attempts = event.attempt
        if event.reason:
            trial.advance_reason = event.reason
        self.segments = max(self.segments, event.segment)
        self.running[event.segment] = Running(
            event.segment, event.trial, event.from_epoch, event.to_epoch, event.attempt, at
        )

    def _end(self, event: SegmentEnded) -> None:
        self.running.pop(event.segment, None)
        trial = self.trials[event.trial]
        trial.seconds += event.seconds
        self.busy_seconds += event.seconds
        trial.message = event.message
        if event.failure is not None:
            trial.failures.append((event.failure, event.message))
        if trial.status is TrialStatus.STOPPED:
            return
        match event.outcome:
            case OutcomeKind.COMPLETED:
                done = self.created is not None and trial.epoch >= self.created.plan.max_epochs
                trial.status = TrialStatus.COMPLETED if done else TrialStatus.RESTING
            case OutcomeKind.PAUSED:
                trial.status = TrialStatus.WAITING
            case OutcomeKind.INFEASIBLE | OutcomeKind.FAILED:
                trial.status = TrialStatus.FAILED if event.final else TrialStatus.WAITING

    def _command(self, event: CommandGiven, at: float) -> None:
        match event.command:
            case CommandKind.PAUSE:
                self._rest(at)
                self.status = StudyStatus.PAUSED
            case CommandKind.RESUME:
                self._rest(at)
                self.status, self.ran_since = StudyStatus.RUNNING, at
            case CommandKind.STOP:
                self.status, self.reason = StudyStatus.STOPPED, f"stopped by {event.by or 'request'}"
            case CommandKind.TRIAL_STOP if event.trial in self.trials:
                trial = self.trials[event.trial]
                if trial.status not in {TrialStatus.COMPLETED, TrialStatus.FAILED}:
                    trial.status = TrialStatus.STOPPED
            case CommandKind.TRIAL_RETRY if event.trial in self.trials:
                trial = self.trials[event.trial]
                if trial.status in {TrialStatus.FAILED, TrialStatus.STOPPED}:
                    trial.status = TrialStatus.WAITING
                    trial.retry_from = len(trial.failures)
            case _:
                pass


def fold(log: Iterable[Logged], state: StudyState | None = None) -> StudyState:
    """The state after `log`, starting from `state` (changed in place) or from nothing."""
    state = state if state is not None else StudyState()
    before = state.seq
    with collector_at_rest():
        for logged in log:
            state.apply(logged)
        if state.seq - before >= _LONG:
            settled()
    return state
