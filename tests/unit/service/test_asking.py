from __future__ import annotations

import os
import socket
import threading
import time

import pytest
from contract.store_contract import created

from orchestrator.control.aside import unfinished_stop
from orchestrator.control.lease import RECORDING, held
from orchestrator.events import (
    CommandGiven,
    CommandKind,
    ControllerStarted,
    EpochReported,
    Origin,
    SegmentStarted,
    StudyEnded,
    StudyStatus,
    TrialStatus,
    TrialSuggested,
    fold,
)
from orchestrator.service.asking import MOST_WAITING, ask, record
from orchestrator.service.processes import is_dead, living, release_if_dead
from orchestrator.store import MemoryStore
from reid_core.errors import Conflict

PAUSE = CommandGiven(command=CommandKind.PAUSE, by="anna")
STOP = CommandGiven(command=CommandKind.STOP, by="ben")


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore()
    store.create_study(created(), time.time())
    return store


def commands(store: MemoryStore) -> list[CommandGiven]:
    told = [one.event for one in store.events("s1") if isinstance(one.event, CommandGiven)]
    assert all(one.aside for one in told)  # nobody ran the study
    return [one.model_copy(update={"aside": False}) for one in told]


def test_a_command_is_recorded_at_once_while_nobody_runs_the_study(store):
    assert ask(store, "s1", PAUSE, time.time())
    assert commands(store) == [PAUSE]
    assert store.holder("s1") is None


def test_a_command_for_a_running_study_waits_for_its_controller_and_later_ones_stay_in_order(store):
    now = time.time()
    token = store.acquire("s1", "elsewhere:1", 15.0, now)
    assert not ask(store, "s1", PAUSE, now)
    assert (commands(store), [one.command for one in store.pending("s1")]) == ([], [PAUSE])
    store.release("s1", token)
    assert ask(store, "s1", STOP, now)
    assert (commands(store), store.pending("s1")) == ([PAUSE, STOP], [])


def test_an_inbox_that_nobody_empties_takes_no_more_than_people_ask_by_hand(store):
    now = time.time()
    token = store.acquire("s1", "elsewhere:1", 15.0, now)
    for _ in range(MOST_WAITING):
        store.post("s1", PAUSE, now)
    with pytest.raises(Conflict, match="1000 requests wait already for the controller of study s1"):
        ask(store, "s1", STOP, now)
    store.release("s1", token)
    assert ask(store, "s1", STOP, now)
    assert commands(store)[-1] == STOP


def test_many_who_ask_at_once_are_all_recorded_and_a_controller_that_begins_waits_for_them(store):
    asked = [CommandGiven(command=CommandKind.NOTE, by=f"person {number}") for number in range(8)]
    told: list[bool] = []
    people = [threading.Thread(target=lambda one=one: told.append(ask(store, "s1", one, time.time()))) for one in asked]
    for person in people:
        person.start()
    with held(store, "s1", "here:1", time.time) as lease:
        assert lease.token > 0
    for person in people:
        person.join()
    by = sorted(one.by for one in [*commands(store), *(one.command for one in store.pending("s1"))])
    assert by == sorted(one.by for one in asked)
    assert len(told) == len(asked)


def recording(pid: int, host: str = "") -> str:
    return f"{host or socket.gethostname()}:{pid}.1{RECORDING}"


@pytest.mark.slow
def test_a_controller_waits_for_whoever_records_a_command_and_is_refused_beside_another(store):
    token = store.acquire("s1", recording(9, "elsewhere"), 60.0, store.now())
    leaves = threading.Timer(0.1, lambda: store.release("s1", token))
    leaves.start()
    with held(store, "s1", "here:1", store.now) as lease:
        assert lease.token > token
        with pytest.raises(Conflict, match="here:1"), held(store, "s1", "here:2", store.now):
            pass
    leaves.join()


def test_whoever_only_records_is_no_controller_and_is_known_to_be_dead(store):
    gone = 2**22 + 1  # more than a process id can be
    assert not is_dead(recording(os.getpid()))
    assert is_dead(recording(gone))
    assert not is_dead(recording(gone, "elsewhere"))
    token = store.acquire("s1", recording(os.getpid()), 60.0, store.now())
    assert living(store, "s1") == ""
    release_if_dead(store, "s1")
    assert store.holder("s1") is not None
    store.release("s1", token)
    store.acquire("s1", recording(gone), 60.0, store.now())
    assert ask(store, "s1", PAUSE, time.time())


class _LeavesMeanwhile(MemoryStore):
    """Its controller lets go of the lease right after somebody saw it there."""

    token = 0

    def post(self, study: str, command: CommandGiven, at: float) -> int:
        number = super().post(study, command, at)
        self.release(study, self.token)
        return number


def test_a_command_posted_to_a_controller_that_leaves_is_recorded_all_the_same():
    store = _LeavesMeanwhile()
    store.create_study(created(), time.time())
    store.token = store.acquire("s1", "elsewhere:1", 60.0, store.now())
    assert ask(store, "s1", PAUSE, time.time())
    assert (commands(store), store.pending("s1")) == ([PAUSE], [])


def test_a_stop_that_somebody_elses_command_brings_into_the_log_ends_the_study(store):
    token = store.acquire("s1", "elsewhere:1", 60.0, store.now())
    store.post("s1", STOP, time.time())
    store.release("s1", token)
    assert ask(store, "s1", CommandGiven(command=CommandKind.NOTE), time.time())
    state = fold(store.events("s1"))
    assert (state.status, state.reason, state.ended_at is not None) == (StudyStatus.STOPPED, "stopped by ben", True)
    before = store.last_seq("s1")
    assert record(store, "s1", [], time.time())
    assert store.last_seq("s1") == before


def test_a_study_stopped_after_its_controller_was_killed_has_nothing_that_runs(store):
    begun = time.time()
    token = store.acquire("s1", "elsewhere:1", 0.01, begun)
    first = TrialSuggested(trial=1, values={"lr": 0.1}, origin=Origin.DEFAULT, reason="", bracket=0, to_epoch=4)
    began = SegmentStarted(segment=1, trial=1, from_epoch=0, to_epoch=4)
    controller = ControllerStarted(owner="elsewhere:1", token=token, workers=1)
    store.append("s1", [controller, first, began], token=token, at=begun)
    store.append("s1", [EpochReported(trial=1, segment=1, epoch=1, metrics={})], token=token, at=begun + 5.0)
    time.sleep(0.02)  # it is killed, and its lease runs out
    assert ask(store, "s1", STOP, begun + 60.0)
    state = fold(store.events("s1"))
    assert (state.status, state.running, state.trials[1].status) == (StudyStatus.STOPPED, {}, TrialStatus.WAITING)
    assert state.busy_seconds == pytest.approx(5.0)  # until it was heard last


def test_a_stop_does_not_end_what_has_ended_by_itself(store):
    token = store.acquire("s1", "elsewhere:1", 60.0, store.now())
    told = [ControllerStarted(owner="elsewhere:1", token=token, workers=1), StudyEnded(status=StudyStatus.COMPLETED)]
    store.append("s1", told, token=token, at=time.time())
    store.release("s1", token)
    assert ask(store, "s1", STOP, time.time())
    state = fold(store.events("s1"))
    assert (state.status, store.find("s1").status) == (StudyStatus.COMPLETED, StudyStatus.COMPLETED)


def test_a_stop_without_its_end_is_found_behind_many_events(store):
    token = store.acquire("s1", "elsewhere:1", 60.0, store.now())
    started = ControllerStarted(owner="elsewhere:1", token=token, workers=1)
    notes = [CommandGiven(command=CommandKind.NOTE)] * 1200
    store.append("s1", [started, STOP, *notes], token=token, at=time.time())
    assert unfinished_stop(store, "s1") == STOP
    store.append("s1", [StudyEnded(status=StudyStatus.STOPPED), *notes, STOP], token=token, at=time.time())
    assert unfinished_stop(store, "s1") is None


class _AskedMeanwhile(MemoryStore):
    """Somebody finds a recorder in the way, and leaves a command in the inbox."""

    def append(self, *given, **options):
        if not self.pending("s1") and not self.asked:
            self.asked = True
            self.post("s1", STOP, 0.0)
        return super().append(*given, **options)

    asked = False


def test_a_command_left_in_the_inbox_because_another_was_being_recorded_is_heard():
    store = _AskedMeanwhile()
    store.create_study(created(), time.time())
    assert ask(store, "s1", PAUSE, time.time())
    assert (commands(store), store.pending("s1")) == ([PAUSE, STOP], [])
    assert store.find("s1").status is StudyStatus.STOPPED
