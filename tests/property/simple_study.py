"""What a study comes to, worked out the simplest way: from what was asked and what workers told, without a log.

The model of the state machine's tests. It knows no event and no search; what it asserts is what the guide promises.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from orchestrator.backends.protocol import Ended, Message, Reported
from orchestrator.events import CommandGiven, CommandKind, StudyState, StudyStatus, TrialState, TrialStatus
from orchestrator.service.progress import best
from orchestrator.trial.kinds import FailureKind
from orchestrator.trial.protocol import Completed, Failed, Infeasible, Paused, SegmentSpec

__all__ = ["SimpleStudy"]

RUNS_AGAIN = {FailureKind.LOST: 5, FailureKind.TIMEOUT: 2, FailureKind.DATA: 2}
"""How often a trial that failed so goes on: what docs/faults.md tells, not what the product counts by."""


@dataclass
class _Trial:
    """A trial as a person would note it down."""

    values: tuple[object, object]
    metrics: dict[int, float] = field(default_factory=dict)
    losses: Counter[FailureKind] = field(default_factory=Counter)
    end: TrialStatus | None = None
    pinned: bool = False

    @property
    def epochs(self) -> int:
        return len(self.metrics)


class SimpleStudy:
    """A study of `trials` trials of at most `max_epochs` epochs on `slots` slots."""

    def __init__(self, *, trials: int, max_epochs: int, slots: int) -> None:
        self.max_epochs, self.slots, self.places = max_epochs, slots, trials
        self.trials: dict[int, _Trial] = {}
        self.running: dict[int, int] = {}  # segment: trial
        self.segments: set[int] = set()
        self.wanted: set[object] = set()
        self.resting = self.stopped = self.over = self.archived = False

    # what happens ------------------------------------------------------------
    def is_taken_over(self) -> None:
        """Segments of the controller before are gone; what rested goes on."""
        self.resting = False
        self.running.clear()

    def is_written_aside(self) -> None:
        """Somebody wrote while no controller lived: a study that was asked to stop is over, with whatever ran."""
        if self.stopped:
            self.running.clear()
            self.over = True

    def ends(self) -> None:
        """Its controller has left by itself."""
        assert not self.running, "a study ends while something runs"
        self.over = not self.resting

    def hears(self, given: CommandGiven) -> None:
        """Somebody's wish was recorded."""
        match given.command:
            case CommandKind.EXTEND:
                self._is_extended(given)
            case CommandKind.PAUSE | CommandKind.QUEUE | CommandKind.RESUME | CommandKind.STOP if self.over:
                pass
            case CommandKind.PAUSE | CommandKind.QUEUE:
                self.resting = True
            case CommandKind.RESUME:
                self.resting = False
            case CommandKind.STOP:
                self.stopped = True
            case CommandKind.ARCHIVE | CommandKind.UNARCHIVE:
                self.archived = given.command is CommandKind.ARCHIVE
            case CommandKind.ENQUEUE:
                self.wanted.add((given.asked.values or {})["width"])
            case _ if given.trial in self.trials:
                self._hears_of(given.trial, given.command)

    def _is_extended(self, given: CommandGiven) -> None:
        """More trials; a study that is over, or is about to be, rests."""
        plan = given.asked.plan
        assert plan is not None
        self.places = max(self.places, plan.trials)
        if self.over or self.stopped:
            self.over, self.stopped, self.resting = False, False, True

    def _hears_of(self, number: int, command: CommandKind) -> None:
        trial = self.trials[number]
        match command:
            case CommandKind.TRIAL_STOP if trial.end is None:
                trial.end = TrialStatus.STOPPED
            case CommandKind.TRIAL_RETRY if trial.end in {TrialStatus.STOPPED, TrialStatus.FAILED}:
                done = trial.epochs == self.max_epochs and number not in self.running.values()
                trial.end = TrialStatus.COMPLETED if done else None
                trial.losses.clear()
            case CommandKind.TRIAL_PIN | CommandKind.TRIAL_UNPIN:
                trial.pinned = command is CommandKind.TRIAL_PIN

    def starts(self, spec: SegmentSpec) -> None:
        """A segment begins: it may, it is a new one, and goes on where its trial's last word came from."""
        assert not self.resting, "a study that rests begins nothing"
        assert not self.stopped, "a study that was stopped begins nothing"
        assert len(self.running) < self.slots, "more segments than slots"
        assert spec.segment not in self.segments, "a segment begins twice"
        assert spec.trial not in self.running.values(), "one trial runs twice"
        values = spec.config["lr"], spec.config["width"]
        trial = self.trials.setdefault(spec.trial, _Trial(values))
        assert values == trial.values, "another configuration than before"
        assert trial.end is None, "a trial that has ended runs"
        assert spec.from_epoch == trial.epochs <= spec.to_epoch <= self.max_epochs
        assert (spec.checkpoint.epoch if spec.checkpoint is not None else 0) == trial.epochs
        self.segments.add(spec.segment)
        self.running[spec.segment] = spec.trial

    def is_told(self, message: Message) -> None:
        """A word of a worker reached the controller."""
        match message:
            case Reported(segment=segment, epoch=epoch, metrics=metrics):
                trial = self.trials[self.running[segment]]
                assert epoch == trial.epochs + 1, "an epoch is missing, or told twice"
                trial.metrics[epoch] = metrics["mAP"]
            case Ended(segment=segment, outcome=outcome):
                trial = self.trials[self.running.pop(segment)]
                end = self._end(trial, outcome)
                if trial.end is None:
                    trial.end = end

    def _end(self, trial: _Trial, outcome: object) -> TrialStatus | None:
        match outcome:
            case Completed() | Paused():
                return TrialStatus.COMPLETED if trial.epochs == self.max_epochs else None
            case Infeasible():
                return TrialStatus.FAILED
            case Failed(kind=kind, retryable=retryable):
                trial.losses[kind] += 1
                again = retryable and trial.losses[kind] <= RUNS_AGAIN[kind]
                return None if again else TrialStatus.FAILED
        raise AssertionError(outcome)

    # what it must be ---------------------------------------------------------
    def agrees_with(self, state: StudyState) -> None:
        """The state that the log tells of is this."""
        assert {run.segment: run.trial for run in state.running.values()} == self.running
        assert state.trials.keys() == self.trials.keys()
        assert len(self.trials) <= self.places + len(self.wanted)
        assert state.epochs_spent == sum(trial.epochs for trial in self.trials.values())
        assert state.archived == self.archived
        for number, trial in self.trials.items():
            self._trial_agrees(trial, state.trials[number])
        match state.status:
            case StudyStatus.PAUSED | StudyStatus.QUEUED:
                assert self.resting
            case StudyStatus.RUNNING:
                assert not self.resting
                assert not self.stopped
            case StudyStatus.STOPPED:
                assert self.stopped
        values = [value for trial in self.trials.values() for value in trial.metrics.values()]
        found = best(state)
        if state.status is not StudyStatus.COMPLETED:  # then it is the best of those that came to the top
            assert (None if found is None else found.metrics["mAP"]) == max(values, default=None)

    def _trial_agrees(self, trial: _Trial, told: TrialState) -> None:
        assert (told.values["lr"], told.values["width"]) == trial.values
        assert told.epoch == trial.epochs
        assert {epoch: metrics["mAP"] for epoch, metrics in told.history.items()} == trial.metrics
        assert told.pinned == trial.pinned
        ended = told.status in {TrialStatus.COMPLETED, TrialStatus.FAILED, TrialStatus.STOPPED}
        assert (told.status if ended else None) == trial.end

    def has_all_that_was_wanted(self, wanted_lr: float) -> None:
        """Every configuration that somebody enqueued has had its trial, once."""
        widths = Counter(width for lr, width in (trial.values for trial in self.trials.values()) if lr == wanted_lr)
        assert widths == Counter(self.wanted)
