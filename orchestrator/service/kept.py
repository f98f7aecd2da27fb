"""Studies as far as their logs were read, and what was made of them: only what changed is made again."""

from __future__ import annotations

import math
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from orchestrator.events import (
    ControllerStarted,
    EpochReported,
    Logged,
    SegmentEnded,
    SegmentPlaced,
    StudyEnded,
    StudyState,
    TrialState,
    TrialStatus,
    fold,
)
from orchestrator.service import progress
from orchestrator.service.board import board_of
from orchestrator.service.views import BoardView, StepsView, StudyDetail, StudySummary, TrialDetail, TrialRow
from orchestrator.service.views_of import study_detail, study_summary, trial_detail, trial_row
from search_spaces.model import Goal

__all__ = ["KeptStudies", "KeptStudy"]


class KeptStudy:
    """One study's state with its views. Not safe for several threads: `KeptStudies.use` gives it to one at a time."""

    def __init__(self) -> None:
        self.state = StudyState()
        self.ended: Counter[tuple[str, str]] = Counter()  # segments by outcome and kind of failure
        self._slots = progress.SlotTime()
        self._told: dict[int, list[Logged]] = {}
        self._workers: dict[int, str] = {}  # who trained each trial last
        self._spent: list[int] = []
        self._best: list[float] = []
        self._rows: dict[int, TrialRow] = {}
        self._summary: tuple[tuple[int, bool], StudySummary] | None = None
        self._detail: tuple[tuple[int, bool], StudyDetail] | None = None

    def read(self, log: Iterable[Logged]) -> None:
        """Fold events in that follow those of `state`."""
        fold(map(self._noted, log), self.state)

    def summary(self, *, alive: bool) -> StudySummary:
        """The row of the study."""
        key = (self.state.seq, alive)
        if self._summary is None or self._summary[0] != key:
            self._summary = (key, self._summarised(alive=alive))
        return self._summary[1]

    def rows(self, *, alive: bool = True) -> tuple[TrialRow, ...]:
        """The trials by number; rows of running ones tell the time left, which any report changes."""
        pace = progress.seconds_per_epoch(self.state)
        for number, trial in self.state.trials.items():
            if number not in self._rows or trial.status is TrialStatus.RUNNING:
                self._rows[number] = self._row(trial, pace, alive=alive)
        return tuple(self._rows[number] for number in sorted(self._rows))

    def news(self, changed: Iterable[int], *, alive: bool) -> tuple[StudySummary, tuple[TrialRow, ...]]:
        """The row of the study without the steps of its best so far, the rows of these trials and of those that run.

        Whoever follows a study asks for it at every report, so no other row is made, and nothing is kept.
        """
        pace = progress.seconds_per_epoch(self.state)
        told = sorted({run.trial for run in self.state.running.values()}.union(changed))
        rows = tuple(self._row(self.state.trials[number], pace, alive=alive) for number in told)
        return self._summarised(alive=alive, steps=False), rows

    def detail(self, *, alive: bool, directory: str, mlflow: str) -> StudyDetail:
        """The study with its trials."""
        key = (self.state.seq, alive)
        if self._detail is None or self._detail[0] != key:
            summary = self.summary(alive=alive)
            made = study_detail(self.state, summary, self.rows(alive=alive), directory=directory, mlflow=mlflow)
            self._detail = (key, made)
        return self._detail[1]

    def board(self, *, alive: bool, directory: str, mlflow: str) -> BoardView:
        """The study as its page draws it."""
        detail = self.detail(alive=alive, directory=directory, mlflow=mlflow)
        return board_of(self.state, detail, self.steps())

    def steps(self) -> StepsView:
        """The incumbent each time it improved."""
        return StepsView(spent=tuple(self._spent), best=tuple(self._best))

    def trial(self, number: int, directory: str, *, alive: bool = True) -> TrialDetail:
        """One trial in full."""
        told = self._told.get(number, [])
        return trial_detail(self.state, self.state.trials[number], told, directory, alive=alive)

    def _summarised(self, *, alive: bool, steps: bool = True) -> StudySummary:
        idle = self._slots.idle_share(self.state.workers)
        return study_summary(self.state, idle, alive=alive, steps=steps)

    def _row(self, trial: TrialState, pace: float | None, *, alive: bool) -> TrialRow:
        return trial_row(self.state, trial, pace, self._workers.get(trial.id, ""), alive=alive)

    def _noted(self, logged: Logged) -> Logged:
        event = logged.event
        if isinstance(event, EpochReported):
            self._improved(event)
        else:
            self._slots.take(logged)
        if isinstance(event, SegmentEnded | SegmentPlaced):
            self._workers[event.trial] = event.worker
        if isinstance(event, SegmentEnded):
            self.ended[event.outcome.value, "" if event.failure is None else event.failure.value] += 1
        number: int | None = getattr(event, "trial", None)
        if number is not None:
            self._told.setdefault(number, []).append(logged)
            self._rows.pop(number, None)
        elif isinstance(event, ControllerStarted | StudyEnded):  # whatever ran before waits now
            self._rows.clear()
        return logged

    def _improved(self, event: EpochReported) -> None:
        """Note the incumbent's step; called before the event is folded in."""
        objective = progress.objective_of(self.state)
        value = event.metrics.get(objective.metric)
        confirms = self.state.trials[event.trial].confirms is not None  # a lucky seed is no better configuration
        if confirms or value is None or not math.isfinite(value):
            return
        created = self.state.created
        constrained = created is not None and bool(created.space.constraints)
        if constrained and progress.aims_of(self.state).violation(event.metrics) > 0:
            return
        sign = 1.0 if objective.goal is Goal.MAXIMIZE else -1.0
        if not self._best or sign * value > sign * self._best[-1]:
            self._spent.append(self.state.epochs_spent + 1)
            self._best.append(value)


class KeptStudies:
    """The studies used last, as long as they have at most `most_events` events together (the newest always stays).

    Summaries outlive their study's place here: the list of studies reads no log twice.
    """

    def __init__(self, *, most_events: int = 1_000_000) -> None:
        self._most = most_events
        self._studies: OrderedDict[str, KeptStudy] = OrderedDict()
        self._summaries: dict[str, tuple[tuple[int, bool], StudySummary]] = {}
        self._lock = threading.RLock()

    @contextmanager
    def use(self, study: str, events: Callable[[int], Iterable[Logged]]) -> Iterator[KeptStudy]:
        """The study brought up to date by `events` (those after a number); nobody else changes it meanwhile."""
        with self._lock:
            kept = self._studies.pop(study, None) or KeptStudy()
            kept.read(events(kept.state.seq))
            self._studies[study] = kept  # last, and only now: a log that cannot be read is read from its start again
            self._make_room()
            yield kept

    def summary(self, study: str, seq: int, events: Callable[[int], Iterable[Logged]], *, alive: bool) -> StudySummary:
        """The row of a study that has `seq` events or more."""
        with self._lock:
            found = self._summaries.get(study)
            if found is not None and found[0] == (seq, alive):
                return found[1]
            with self.use(study, events) as kept:
                made = kept.summary(alive=alive)
            self._summaries[study] = ((made.revision, alive), made)
            return made

    def keep_only(self, studies: Iterable[str]) -> None:
        """Forget studies that are no more."""
        with self._lock:
            there = set(studies)
            for gone in [study for study in (*self._studies, *self._summaries) if study not in there]:
                self._studies.pop(gone, None)
                self._summaries.pop(gone, None)

    def _make_room(self) -> None:
        total = sum(kept.state.seq for kept in self._studies.values())
        while total > self._most and len(self._studies) > 1:
            _, gone = self._studies.popitem(last=False)
            total -= gone.state.seq
