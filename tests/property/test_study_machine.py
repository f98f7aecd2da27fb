"""Control and store against a simple model: random commands, reports, losses, crashes, and rivals.

The machine plays the workers, the people and the misfortunes; the controller under it is the real one. What should
come of it all is worked out by SimpleStudy, which is told what the machine did and reads no log.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from simple_study import SimpleStudy
from trials.studies import controller as make_controller
from trials.studies import created

from orchestrator.backends.protocol import Ended, Message, Reported, Saved, Sink
from orchestrator.control.aside import unfinished_stop, write_aside
from orchestrator.control.controller import Controller
from orchestrator.control.lease import SECONDS, Lease
from orchestrator.events import (
    Asked,
    CommandGiven,
    CommandKind,
    ControllerStarted,
    EpochReported,
    Logged,
    SegmentEnded,
    SegmentStarted,
    StudyEnded,
    StudyState,
    StudyStatus,
    TrialStatus,
    fold,
)
from orchestrator.search.plan import make_plan
from orchestrator.store import MemoryStore, Store, open_store
from orchestrator.trial.kinds import FailureKind
from orchestrator.trial.protocol import CheckpointRef, Completed, Failed, Infeasible, Outcome, Paused, SegmentSpec
from reid_core.errors import Conflict

STUDY_COMMANDS = (CommandKind.PAUSE, CommandKind.RESUME, CommandKind.QUEUE, CommandKind.ARCHIVE)
WANTED_LR = 1e-3
MAX_EPOCHS = 4
TRIAL_COMMANDS = (
    CommandKind.TRIAL_STOP,
    CommandKind.TRIAL_RETRY,
    CommandKind.TRIAL_PROMOTE,
    CommandKind.TRIAL_PIN,
    CommandKind.TRIAL_UNPIN,
)
MISFORTUNES: tuple[Outcome, ...] = (
    Failed(FailureKind.LOST, "the node went away", retryable=True),
    Failed(FailureKind.TIMEOUT, "no sign of life", retryable=True),
    Failed(FailureKind.DATA, "a file cannot be read", retryable=True),
    Failed(FailureKind.DIVERGED, "the loss is NaN", retryable=False),
    Infeasible("it cannot be"),
)
LIVELY = 4_000  # turns in which any study of these sizes must come to its end


def is_extension(logged: Logged) -> bool:
    """Whether this lets a study that has ended go on."""
    return isinstance(logged.event, CommandGiven) and logged.event.command is CommandKind.EXTEND


class _Segment:
    """What a worker knows: how far it came."""

    def __init__(self, spec: SegmentSpec) -> None:
        self.spec = spec
        self.epoch = spec.checkpoint.epoch if spec.checkpoint is not None else 0

    @property
    def done(self) -> bool:
        return self.epoch >= self.spec.to_epoch

    def step(self) -> list[Message]:
        """One more epoch: its checkpoint first, then its metrics."""
        self.epoch += 1
        value = 0.1 * self.epoch + 0.01 * self.spec.trial
        return [
            Saved(self.spec.segment, self.ref()),
            Reported(self.spec.segment, self.epoch, {"mAP": value, "loss": 1 - value}),
        ]

    def ref(self) -> CheckpointRef:
        return CheckpointRef(f"nowhere/{self.spec.trial}/{self.epoch}", self.epoch, f"{self.spec.segment:04x}")


class _Backend:
    """Workers that do what the machine says."""

    def __init__(self, simple: SimpleStudy | None) -> None:
        self.slots = 1 if simple is None else simple.slots
        self.simple = simple
        self.segments: dict[int, _Segment] = {}
        self.stopping: set[int] = set()
        self.box: list[Message] = []

    def start(self, spec: SegmentSpec) -> None:
        assert self.simple is not None
        self.simple.starts(spec)
        self.segments[spec.segment] = _Segment(spec)

    def pump(self, sink: Sink, timeout: float) -> None:  # noqa: ARG002 - the machine waits for nobody
        box, self.box = self.box, []
        for message in box:
            sink(message)
            assert self.simple is not None
            self.simple.is_told(message)

    def stop(self, segment: int, *, within: bool = False) -> None:  # noqa: ARG002 - an epoch is a step here
        self.stopping.add(segment)

    def end(self, segment: int, outcome: Failed) -> None:
        if self.segments.pop(segment, None) is not None:
            self.box.append(Ended(segment, outcome, 1.0, "here:1"))

    def avoid(self, node: str) -> None: ...

    def close(self) -> None: ...

    def finish(self, segment: _Segment, outcome: Outcome) -> None:
        del self.segments[segment.spec.segment]
        self.box.append(Ended(segment.spec.segment, outcome, 1.0, "here:1"))


class StudyMachine(RuleBasedStateMachine):
    """One study, any number of controllers one after the other."""

    store: Store

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="reid-machine-")
        self.now = 1_700_000_000.0
        self.controller: Controller | None = None
        self.zombie: Controller | None = None
        self.backend = _Backend(None)
        self.posted: list[CommandGiven] = []  # what no controller has heard yet
        self.read: list[Logged] = []
        self.model = StudyState()

    @initialize(
        algorithm=st.sampled_from(["bohb", "asha", "random", "successive-halving", "median"]),
        trials=st.integers(1, 5),
        slots=st.integers(1, 3),
        memory=st.booleans(),
        patient=st.booleans(),
    )
    def begin(self, algorithm: str, trials: int, slots: int, memory: bool, patient: bool) -> None:
        self.simple = SimpleStudy(trials=trials, max_epochs=MAX_EPOCHS, slots=slots)
        self.patient = patient
        self.store = MemoryStore() if memory else open_store(Path(self.folder.name) / "studies.db")
        self.first = created(trials=trials, max_epochs=MAX_EPOCHS, algorithm=algorithm)
        self.study = self.first.study
        self.store.create_study(self.first, self.now)

    # people -----------------------------------------------------------------
    @rule(kind=st.sampled_from(STUDY_COMMANDS))
    def someone_asks(self, kind: CommandKind) -> None:
        self._post(CommandGiven(command=kind, by="the machine"))

    @precondition(lambda self: not self.patient)
    @rule(at_rung=st.booleans(), now=st.booleans())
    def someone_stops_the_study(self, at_rung: bool, now: bool) -> None:
        asked = Asked(at_rung=at_rung, now=now and not at_rung)
        self._post(CommandGiven(command=CommandKind.STOP, by="the machine", asked=asked))

    @rule(kind=st.sampled_from(TRIAL_COMMANDS), trial=st.integers(1, 6))
    def someone_asks_of_a_trial(self, kind: CommandKind, trial: int) -> None:
        self._post(CommandGiven(command=kind, trial=trial, by="the machine"))

    @rule(width=st.integers(1, 8))
    def someone_wants_a_configuration_tried(self, width: int) -> None:
        asked = Asked(values={"lr": WANTED_LR, "width": width}, reason="asked by the machine")
        self._post(CommandGiven(command=CommandKind.ENQUEUE, by="the machine", asked=asked))

    @precondition(lambda self: self.controller is None and self.model.ended_at is None)
    @rule(kind=st.sampled_from(STUDY_COMMANDS))
    def someone_asks_while_nobody_runs_it(self, kind: CommandKind) -> None:
        self._write_aside(CommandGiven(command=kind, by="the machine"))

    @rule(more=st.integers(0, 3))
    def someone_extends_the_study(self, more: int) -> None:
        """Also one that has ended, which then rests."""
        plan = make_plan(MAX_EPOCHS, 1, 3, self.simple.places + more)
        given = CommandGiven(command=CommandKind.EXTEND, by="the machine", asked=Asked(plan=plan))
        if self.controller is None:
            self._write_aside(given)
        else:
            self._post(given)

    def _write_aside(self, given: CommandGiven) -> None:
        ran = self.model.wall_seconds()
        assert write_aside(self.store, self.study, [given], self.now)
        assert self.store.pending(self.study) == []
        self.posted.append(given)
        self._all_is_heard()
        self.simple.is_written_aside()
        assert fold(self.store.events(self.study)).wall_seconds() == ran

    # the controller ---------------------------------------------------------
    @precondition(lambda self: self.controller is None)
    @rule()
    def a_controller_takes_over(self) -> None:
        if unfinished_stop(self.store, self.study) is not None:  # the service records its end before anything else
            assert write_aside(self.store, self.study, [], self.now)
            self._all_is_heard()
            self.simple.is_written_aside()
        self.backend = _Backend(self.simple)
        folder = Path(self.folder.name)
        one = make_controller(self.store, self.study, folder, self.backend, clock=lambda: self.now)
        one._owner = f"host:{self.now}"
        one._lease = Lease(self.store, self.study, one._owner, lambda: self.now)  # not started: time is ours
        fold(self.store.events(self.study), one.state)
        if one.state.ended_at is not None:
            self.store.release(self.study, one._lease.token)
            return
        one._take_over()
        self.simple.is_taken_over()
        self.controller = one

    @precondition(lambda self: self.controller is not None)
    @rule(times=st.integers(1, 4))
    def it_takes_turns(self, times: int) -> None:
        for _ in range(times):
            self._turn()

    @precondition(lambda self: self.controller is not None)
    @rule()
    def a_rival_is_refused_and_leaves_no_trace(self) -> None:
        before = self.store.last_seq(self.study)
        with pytest.raises(Conflict):
            self.store.acquire(self.study, "rival:1", SECONDS, self.now)
        assert self.store.last_seq(self.study) == before

    @precondition(lambda self: self.controller is not None)
    @rule()
    def it_is_killed(self) -> None:
        """Its lease runs out, its workers are gone with what they had not told."""
        self.zombie, self.controller = self.controller, None
        self.backend = _Backend(self.simple)
        self.now += SECONDS + 1

    @precondition(lambda self: self.zombie is not None and self.controller is not None)
    @rule()
    def a_controller_from_before_wakes_up_and_is_refused(self) -> None:
        before = self.store.last_seq(self.study)
        with pytest.raises(Conflict):
            self.zombie._append([CommandGiven(command=CommandKind.STOP, by="a ghost")])
        assert self.store.last_seq(self.study) == before

    # the workers ------------------------------------------------------------
    @precondition(lambda self: self.backend.segments)
    @rule(choice=st.integers(0, 5))
    def a_worker_finishes_an_epoch(self, choice: int) -> None:
        self._work(self._chosen(choice))

    @precondition(lambda self: self.backend.segments)
    @rule(choice=st.integers(0, 5), outcome=st.sampled_from(MISFORTUNES))
    def a_worker_has_bad_luck(self, choice: int, outcome: Outcome) -> None:
        self.backend.finish(self._chosen(choice), outcome)

    # what always holds ------------------------------------------------------
    @invariant()
    def the_log_is_whole_and_agrees_with_the_model(self) -> None:
        if not hasattr(self, "store"):
            return
        new = list(self.store.events(self.study, after=self.model.seq))
        assert [one.seq for one in new] == list(range(self.model.seq + 1, self.model.seq + 1 + len(new)))
        if self.model.ended_at is not None and not any(map(is_extension, new)):
            assert not new, "nothing follows the last word"
        fold(new, self.model)
        self.read += new
        if self.controller is not None:
            assert self.controller.state == self.model
        self.simple.agrees_with(self.model)
        self.tokens_rise_the_plan_is_kept_and_no_epoch_is_there_twice()
        self.every_segment_ends_once_or_with_its_controller()

    def tokens_rise_the_plan_is_kept_and_no_epoch_is_there_twice(self) -> None:
        reports = [(e.event.trial, e.event.epoch) for e in self.read if isinstance(e.event, EpochReported)]
        assert len(reports) == len(set(reports))
        tokens = [one.event.token for one in self.read if isinstance(one.event, ControllerStarted)]
        assert tokens == sorted(set(tokens))
        if self.model.created is not None:
            assert len(self.model.trials) <= self.model.created.plan.trials
        assert all(trial.epoch <= self.first.plan.max_epochs for trial in self.model.trials.values())

    def every_segment_ends_once_or_with_its_controller(self) -> None:
        open_segments: set[int] = set()
        for one in self.read:
            match one.event:
                case SegmentStarted(segment=segment):
                    assert segment not in open_segments
                    open_segments.add(segment)
                case SegmentEnded(segment=segment):
                    open_segments.remove(segment)
                case ControllerStarted() | StudyEnded(aside=True):
                    open_segments.clear()
        assert open_segments == set(self.model.running)

    def teardown(self) -> None:
        """Whatever happened: with kind workers and a resume, the study comes to its end and says so."""
        if not hasattr(self, "store"):
            self.folder.cleanup()
            return
        for _ in range(LIVELY):
            if self.model.ended_at is not None:
                break
            if self.controller is None:
                self._post(CommandGiven(command=CommandKind.RESUME, by="teardown"))
                self.a_controller_takes_over()
            self._turn()
            for segment in list(self.backend.segments.values()):
                self._work(segment)
            self.the_log_is_whole_and_agrees_with_the_model()
        assert isinstance(self.read[-1].event, StudyEnded)
        assert not self.model.running
        ends = {StudyStatus.STOPPED} if self.simple.stopped else {StudyStatus.COMPLETED, StudyStatus.FAILED}
        assert self.model.status in ends
        going_on = {TrialStatus.WAITING, TrialStatus.RUNNING}
        assert self.simple.stopped or all(trial.status not in going_on for trial in self.model.trials.values())
        if self.model.status is StudyStatus.COMPLETED:
            self.simple.has_all_that_was_wanted(WANTED_LR)
        self.store.close()
        self.folder.cleanup()

    # inside -----------------------------------------------------------------
    def _post(self, given: CommandGiven) -> None:
        self.store.post(self.study, given, self.now)
        self.posted.append(given)

    def _all_is_heard(self) -> None:
        for given in self.posted:
            self.simple.hears(given)
        self.posted = []

    def _turn(self) -> None:
        if self.controller is None:
            return
        self._all_is_heard()
        before = self.controller.state.seq
        more = self.controller._turn()
        self.now += 0.1
        assert self.controller.state.seq >= before
        if not more:
            self.simple.ends()
            self.store.release(self.study, self.controller._lease.token)
            self.controller = None
            self.backend = _Backend(self.simple)

    def _chosen(self, choice: int) -> _Segment:
        found: Callable[[int], int] = sorted(self.backend.segments).__getitem__
        return self.backend.segments[found(choice % len(self.backend.segments))]

    def _work(self, segment: _Segment) -> None:
        if segment.done:
            self.backend.finish(segment, Completed(segment.ref()))
            return
        self.backend.box += segment.step()
        if segment.spec.segment in self.backend.stopping:
            self.backend.finish(segment, Paused(segment.ref()))


@pytest.mark.slow
class TestStudyMachine(StudyMachine.TestCase):
    settings = settings(
        max_examples=40,
        stateful_step_count=50,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )


@pytest.mark.faults
@pytest.mark.timeout(3600)
class TestStudyMachineForLong(StudyMachine.TestCase):
    settings = settings(TestStudyMachine.settings, max_examples=600, stateful_step_count=100)
