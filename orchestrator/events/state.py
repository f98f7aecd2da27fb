"""StudyState: what a log says, folded event by event. The same log gives the same state."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from orchestrator.events.collection import collector_at_rest, settled
from orchestrator.events.commands import Wanted, extended, limited, room_for_one_more
from orchestrator.events.front import FrontTally
from orchestrator.events.given import NO_LIMIT
from orchestrator.events.keep import Keep
from orchestrator.events.kept import earlier, is_best
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
    SegmentPlaced,
    SegmentStarted,
    StudyCreated,
    StudyEnded,
    StudyStatus,
    TrialSuggested,
)
from orchestrator.events.tally import Tally
from orchestrator.events.trials import Checkpoint, Running, TrialState, TrialStatus

__all__ = ["SERVICE", "Checkpoint", "Running", "StudyState", "TrialState", "TrialStatus", "fold", "is_queued_by"]

SERVICE = "reid-tune up"
"""Who asks a controller for its slots, in the log of a study, when the service does."""
_OVER = frozenset({StudyStatus.COMPLETED, StudyStatus.STOPPED, StudyStatus.FAILED})
_BY_ANYONE = (CommandGiven, StudyEnded)
_LONG = 20_000  # events; a shorter log is not worth the settling


@dataclass(slots=True)
class StudyState:
    """A study after `seq` events. Only `apply` changes it; decisions read it."""

    created: StudyCreated | None = None
    status: StudyStatus = StudyStatus.CREATED
    reason: str = ""
    seq: int = 0
    created_at: float = 0.0
    updated_at: float = 0.0
    heard_at: float = 0.0  # when a controller wrote last: what is recorded while nobody runs the study is no run time
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
    keep: Keep = Keep.BEST
    at_rung: bool = False  # of a stop: what runs goes on to its rung
    hurried: bool = False  # of a pause: what runs does not wait for its epoch, the service wants the slots back
    wanted: tuple[Wanted, ...] = ()  # configurations enqueued after the creation and not tried yet
    from_wanted: int = 0  # how many trials were
    tally: Tally = field(default_factory=Tally, compare=False, repr=False)  # what readers counted so far
    front: FrontTally = field(default_factory=FrontTally, compare=False, repr=False)  # as the tally, where it has use

    def apply(self, logged: Logged) -> None:
        """Fold one more event in. Events must come in the order of their `seq`, without gaps."""
        if logged.seq != self.seq + 1:
            raise ValueError(f"event {logged.seq} does not follow event {self.seq}")
        self.seq = logged.seq
        event = logged.event
        self._apply(event, logged.at)  # before heard_at: a new controller asks when the one before was heard
        self.updated_at = logged.at
        if not isinstance(event, _BY_ANYONE) or not event.aside:
            self.heard_at = logged.at

    def wall_seconds(self, now: float | None = None) -> float:
        """Seconds that the study has run until `now` (default: its controller's last word): no pauses, no crashes."""
        until = self.heard_at if now is None else now
        return self.ran_seconds + (0.0 if self.ran_since is None else max(0.0, until - self.ran_since))

    def spoken_for(self) -> int:
        """Trials of the plan that exist, wait enqueued, or belong to its start: the recipe's own and those given."""
        founders = [trial for trial in self.trials.values() if trial.parent is None and trial.confirms is None]
        had = [trial.values for trial in founders]
        given = () if self.created is None else self.created.enqueued
        return len(founders) + (not had) + sum(values not in had for values in given) + len(self.wanted)

    def _apply(self, event: Event, at: float) -> None:
        match event:
            case EpochReported():  # first: four of five events
                self._report(event)
            case StudyCreated():
                self.created, self.created_at, self.workers = event, at, event.workers
                self.keep = event.keep
            case ControllerStarted():
                self._take_over(event, at)
            case TrialSuggested():
                self._take_wanted(event)
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
            case SegmentPlaced() if event.segment in self.running:
                self.running[event.segment] = replace(self.running[event.segment], worker=event.worker)
            case CheckpointSaved():
                self._save(event)
            case SegmentEnded():
                self._end(event)
            case CommandGiven():
                self._command(event, at)
            case NodeSetAside():
                self.avoided[event.node] = event.reason
            case StudyEnded() if self.ended_at is None:
                self._rest(self.heard_at if event.aside else at)
                self._lose_what_runs()
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
        trial.before = earlier(trial, event.epoch)
        trial.checkpoint = Checkpoint(event.path, event.epoch, event.sha256)
        if self.created is None:
            return
        if event.epoch in self.created.plan.rungs:
            trial.rung_checkpoints[event.epoch] = trial.checkpoint
        if is_best(trial, event.epoch, self.created.space.objective[0]):
            trial.best_checkpoint = trial.checkpoint

    def _take_over(self, event: ControllerStarted, at: float) -> None:
        """A new controller: what still ran under the one before waits to be started again."""
        self._rest(self.heard_at)
        self.ran_since = at
        self._lose_what_runs()
        self.token, self.workers = event.token, event.workers
        self.avoided.clear()
        self.status, self.reason, self.ended_at, self.at_rung = StudyStatus.RUNNING, "", None, False
        self.hurried = False

    def _lose_what_runs(self) -> None:
        """The controller that was heard last is gone, and its workers with it; none are left when it ends in order."""
        for run in self.running.values():
            self.busy_seconds += max(0.0, self.heard_at - run.started)
            trial = self.trials[run.trial]
            if trial.status is not TrialStatus.STOPPED:
                trial.status = TrialStatus.WAITING
        self.running.clear()

    def _start(self, event: SegmentStarted, at: float) -> None:
        trial = self.trials[event.trial]
        trial.status, trial.to_epoch, trial.promoted = TrialStatus.RUNNING, event.to_epoch, ""
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
                trial.status = self._arrived(trial)
            case OutcomeKind.PAUSED:
                trial.status = self._arrived(trial) if trial.has_arrived else TrialStatus.WAITING
            case OutcomeKind.INFEASIBLE | OutcomeKind.FAILED:
                trial.status = TrialStatus.FAILED if event.final else TrialStatus.WAITING

    def _arrived(self, trial: TrialState) -> TrialStatus:
        done = self.created is not None and trial.epoch >= self.created.plan.max_epochs
        return TrialStatus.COMPLETED if done else TrialStatus.RESTING

    def _take_wanted(self, event: TrialSuggested) -> None:
        """A configuration that waited for its trial has one now."""
        if event.origin is Origin.USER and any(one.values == event.values for one in self.wanted):
            self.wanted = tuple(one for one in self.wanted if one.values != event.values)
            self.from_wanted += 1

    def _command(self, event: CommandGiven, at: float) -> None:
        if event.trial is not None:
            if event.trial in self.trials:
                self._command_trial(event, self.trials[event.trial])
            return
        until = self.heard_at if event.aside else at
        match event.command:
            case CommandKind.EXTEND:
                self._extend(event, until)
            case CommandKind.STOP if self.ended_at is None:
                self.status, self.reason = StudyStatus.STOPPED, f"stopped by {event.by or 'request'}"
                self.at_rung = event.asked.at_rung
            case CommandKind.QUEUE if self.status not in _OVER:
                self._queue(event, until)
            case CommandKind.PAUSE | CommandKind.RESUME | CommandKind.STOP if self.status in _OVER:
                # what is over stays so; who wants a pause does not wait for rungs
                self.at_rung = self.at_rung and event.command is not CommandKind.PAUSE
            case CommandKind.PAUSE:
                self._rest(until)
                self.status = StudyStatus.PAUSED
            case CommandKind.RESUME:
                self._rest(until)
                self.status, self.ran_since, self.hurried = StudyStatus.RUNNING, at, False
            case CommandKind.LIMITS if self.created is not None:
                self.created = limited(self.created, event.asked)
            case CommandKind.ENQUEUE:
                self._enqueue(event)
            case _:
                self._describe(event)

    def _queue(self, event: CommandGiven, until: float) -> None:
        """The study waits for its turn; one that a person paused keeps its pause, and what runs only hurries."""
        self._rest(until)
        self.hurried = not is_queued_by(event, self.status)
        if not self.hurried:
            self.status = StudyStatus.QUEUED

    def _describe(self, event: CommandGiven) -> None:
        """What people say of a study: it changes no decision."""
        asked = event.asked
        match event.command:
            case CommandKind.ARCHIVE | CommandKind.UNARCHIVE:
                self.archived = event.command is CommandKind.ARCHIVE
            case CommandKind.NOTE:
                self.note = asked.text
            case CommandKind.TAG:
                self.tags = asked.tags or ()
            case CommandKind.SHARE:  # what is not asked for stays
                self.weight = self.weight if asked.weight is None else asked.weight
                self.priority = self.priority if asked.priority is None else asked.priority
                most = self.max_slots if asked.max_slots is None else asked.max_slots
                self.max_slots = None if most == NO_LIMIT else most
            case CommandKind.KEEP if asked.keep is not None:
                self.keep = asked.keep

    def _extend(self, event: CommandGiven, at: float) -> None:
        """More to do from now on; a study that had ended rests and may be resumed."""
        if self.created is not None:
            self.created = extended(self.created, event.asked)
        if self.status in _OVER:
            self._rest(at)
            self.status, self.reason, self.ended_at, self.at_rung = StudyStatus.PAUSED, "", None, False

    def _enqueue(self, event: CommandGiven) -> None:
        """A configuration waits for its trial, unless it waits already or has one."""
        values = event.asked.values
        if values is None or self.created is None:
            return
        known = (*(one.values for one in self.wanted), *(one.values for one in self.trials.values()))
        if values in known or values in self.created.enqueued:
            return
        self.wanted = (*self.wanted, Wanted(values, event.asked.reason, event.by))
        if self.spoken_for() > self.created.plan.trials:
            self.created = room_for_one_more(self.created)

    def _command_trial(self, event: CommandGiven, trial: TrialState) -> None:
        match event.command:
            case CommandKind.TRIAL_STOP if trial.status not in {TrialStatus.COMPLETED, TrialStatus.FAILED}:
                trial.status, trial.promoted = TrialStatus.STOPPED, ""
            case CommandKind.TRIAL_RETRY if trial.status in {TrialStatus.FAILED, TrialStatus.STOPPED}:
                busy = any(run.trial == trial.id for run in self.running.values())
                trial.status = self._arrived(trial) if trial.has_arrived and not busy else TrialStatus.WAITING
                trial.retry_from = len(trial.failures)
            case CommandKind.TRIAL_PROMOTE if trial.status is TrialStatus.RESTING:
                trial.promoted = event.by or "request"
            case CommandKind.TRIAL_PIN | CommandKind.TRIAL_UNPIN:
                trial.pinned = event.command is CommandKind.TRIAL_PIN


def is_queued_by(event: CommandGiven, status: StudyStatus) -> bool:
    """Whether a QUEUE puts a study of this status, which is not over, into the queue.

    A paused one only when somebody wants it to go on. What a controller hears, and whatever the service asks for, is
    about slots: nobody took the pause back.
    """
    return status is not StudyStatus.PAUSED or (event.aside and event.by != SERVICE)


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
