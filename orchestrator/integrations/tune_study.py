"""A study whose trials another tool runs: its log of events, and the algorithm that decides over them.

Knows nothing of Ray. Trials have the tool's own names; the log numbers them in the order in which they began.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from orchestrator.events import (
    CommandGiven,
    CommandKind,
    ControllerStarted,
    EpochReported,
    Event,
    Logged,
    OutcomeKind,
    SegmentEnded,
    SegmentStarted,
    StudyCreated,
    StudyState,
    TrialState,
    TrialStatus,
    event_from_json,
    event_to_json,
)
from orchestrator.search import Advance, Move, NewTrial, make_algorithm
from orchestrator.trial.kinds import FailureKind

__all__ = ["TuneStudy"]

_FORMAT = 1


class TuneStudy:
    """Everything that happened so far, and what comes next. The same log asks for the same moves.

    Raises SpaceError as `make_algorithm` does.
    """

    def __init__(self, created: StudyCreated) -> None:
        self.created = created
        self.state = StudyState()
        self._log: list[Event] = []
        self._trials: dict[str, int] = {}
        self._algorithm = make_algorithm(created)
        self._asked: tuple[int, Move | None] | None = None
        self._append(created)
        self._append(ControllerStarted(owner=created.backend, token=1, workers=created.workers))

    def __reduce__(self) -> tuple[Callable[[str], TuneStudy], tuple[str]]:
        """Pickled as its log: what an algorithm keeps, it can work out again."""
        return TuneStudy.from_text, (self.to_text(),)

    def ask(self) -> Move | None:
        """The algorithm's next move; None: wait, or, when nothing runs, the search is over. Not yet made."""
        if self._asked is None or self._asked[0] != self.state.seq:
            self._asked = (self.state.seq, self._algorithm.next(self.state))
        return self._asked[1]

    @property
    def over(self) -> bool:
        """Whether nothing runs and nothing more is to be done."""
        return not self.state.running and self.ask() is None

    @property
    def running(self) -> list[str]:
        """Names of the trials that should be running, those that began first first."""
        busy = {run.trial for run in self.state.running.values()}
        return [name for name, number in self._trials.items() if number in busy]

    def trial(self, name: str) -> TrialState | None:
        """A trial by the tool's name; None for one that this study did not suggest."""
        number = self._trials.get(name)
        return None if number is None else self.state.trials[number]

    def name_of(self, number: int) -> str:
        """The tool's name of a trial."""
        return next(name for name, other in self._trials.items() if other == number)

    def open(self, move: NewTrial, name: str) -> TrialState:
        """Make a move: a new trial begins, under the tool's name."""
        number = len(self.state.trials) + 1
        self._trials[name] = number
        self._append(move.suggested(number))
        self._start(number, move.to_epoch, move.reason)
        return self.state.trials[number]

    def advance(self, move: Advance) -> str:
        """Make a move: a resting trial goes on. Returns its name."""
        self._start(move.trial, move.to_epoch, move.reason)
        return self.name_of(move.trial)

    def report(self, name: str, epoch: int, metrics: Mapping[str, float]) -> None:
        """An epoch's metrics. One that is known already, or of a trial that is not, changes nothing."""
        trial = self.trial(name)
        if trial is not None and epoch >= 1 and epoch not in trial.history:
            segment = self._segment(trial.id) or 0
            self._append(EpochReported(trial=trial.id, segment=segment, epoch=epoch, metrics=dict(metrics)))

    def rest(self, name: str) -> None:
        """A running trial reached its rung."""
        trial = self.trial(name)
        segment = None if trial is None else self._segment(trial.id)
        if trial is not None and segment is not None:
            self._append(SegmentEnded(segment=segment, trial=trial.id, outcome=OutcomeKind.COMPLETED))

    def end(self, name: str, failure: str = "") -> None:
        """A trial is over for the tool: it failed, or it keeps what it reported and never goes on."""
        trial = self.trial(name)
        if trial is None or trial.status in {TrialStatus.COMPLETED, TrialStatus.FAILED, TrialStatus.STOPPED}:
            return
        segment = self._segment(trial.id)
        if failure and segment is not None:
            kind, message = FailureKind.BUG, failure
            ended = SegmentEnded(
                segment=segment, trial=trial.id, outcome=OutcomeKind.FAILED, failure=kind, message=message, final=True
            )
            self._append(ended)
            return
        if trial.epoch < self.created.plan.max_epochs:
            by = self.created.backend
            self._append(CommandGiven(command=CommandKind.TRIAL_STOP, trial=trial.id, by=by))
        self.rest(name)

    def to_text(self) -> str:
        """Everything as lines of JSON: the trials' names first, then the events."""
        head = json.dumps({"format": _FORMAT, "trials": self._trials})
        return "\n".join([head, *(event_to_json(event) for event in self._log)]) + "\n"

    @classmethod
    def from_text(cls, text: str) -> TuneStudy:
        """The inverse of `to_text`. Raises ValueError for anything else."""
        head, *lines = text.splitlines()
        told = json.loads(head)
        if not isinstance(told, dict) or told.get("format") != _FORMAT:
            raise ValueError("not a saved search of this version")
        events = [event_from_json(line) for line in lines]
        if not events or not isinstance(events[0], StudyCreated):
            raise ValueError("a saved search begins with its study")
        study = cls(events[0])
        for event in events[len(study._log) :]:
            study._append(event)
        study._trials.update(told["trials"])
        return study

    def save(self, path: str) -> None:
        """Write `to_text` to a file."""
        Path(path).write_text(self.to_text(), encoding="utf-8")

    @classmethod
    def read(cls, path: str) -> TuneStudy:
        """Read what `save` wrote. Raises OSError or ValueError where there is no such file."""
        return cls.from_text(Path(path).read_text(encoding="utf-8"))

    def _start(self, number: int, to_epoch: int, reason: str) -> None:
        begun = self.state.trials[number].epoch
        segment = self.state.segments + 1
        started = SegmentStarted(segment=segment, trial=number, from_epoch=begun, to_epoch=to_epoch, reason=reason)
        self._append(started)

    def _segment(self, number: int) -> int | None:
        return next((run.segment for run in self.state.running.values() if run.trial == number), None)

    def _append(self, event: Event) -> None:
        self._log.append(event)
        self.state.apply(Logged(len(self._log), 0.0, event))
