"""One turn of the service after another: what fails for one study is its own trouble, and an end that was asked for."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import psutil
import pytest
from click.testing import CliRunner
from trials.studies import created

from orchestrator.cli.service import down_command
from orchestrator.events import (
    CommandGiven,
    CommandKind,
    ControllerStarted,
    EpochReported,
    Origin,
    OutcomeKind,
    SegmentEnded,
    SegmentStarted,
    StudyStatus,
    TrialSuggested,
)
from orchestrator.service.asking import ask
from orchestrator.service.asking import record as record_aside
from orchestrator.service.controller_process import SIGNAL
from orchestrator.service.daemon import process, record
from orchestrator.service.daemon.children import Child
from orchestrator.service.daemon.restarts import MOST, Restarts
from orchestrator.service.daemon.settings import Settings
from orchestrator.service.daemon.supervisor import BY, Supervisor
from orchestrator.service.service import Service
from reid_core.errors import Conflict, ServerUnreachable

HERE = f"{socket.gethostname()}:{os.getpid()}"


@pytest.fixture
def service(home) -> Iterator[Service]:
    service = Service(home)
    yield service
    service.close()


@pytest.fixture
def begun(monkeypatch) -> list[str]:
    """Studies whose controller would have been started, in order."""
    started: list[str] = []

    def spawn(_module, words, _log):
        started.append(words[1])
        return psutil.Popen(["sleep", "100"])

    monkeypatch.setattr("orchestrator.service.daemon.children.spawn", spawn)
    return started


@pytest.fixture
def supervisor(service) -> Iterator[Supervisor]:
    supervisor = Supervisor(service, Settings(slots=2, tick=0.02))
    yield supervisor
    supervisor._children.kill()


def queued(service: Service, name: str) -> str:
    study = created(name).study
    service.store.create_study(created(name), time.time())
    ask(service.store, study, CommandGiven(command=CommandKind.QUEUE, by="anna"), time.time())
    return study


def found_alive(supervisor: Supervisor, service: Service, study: str) -> int:
    """A controller that an earlier service started, and that does not hear; its fencing token."""
    token = service.store.acquire(study, HERE, 60, service.store.now())
    start = ControllerStarted(owner=HERE, token=token, workers=1)
    service.store.append(study, [start], token=token, at=time.time())
    service.store.grant(study, 1)
    supervisor.turn()
    assert supervisor._served == {study}
    return token


def test_the_second_interrupt_means_now_while_controllers_still_finish(service, supervisor, monkeypatch):
    study = queued(service, "cows")
    found_alive(supervisor, service, study)
    killed: list[str] = []
    monkeypatch.setattr(supervisor, "_kill_found", killed.append)
    daemon = process._Daemon(service, Settings(web=False))
    daemon._supervisor = supervisor
    daemon._hear(signal.SIGINT, None)
    ending = threading.Thread(target=supervisor.finish, daemon=True)
    ending.start()
    while not service.store.pending(study) or supervisor._down.is_set():
        time.sleep(0.01)  # until it waits for the controller
    assert not killed
    daemon._hear(signal.SIGINT, None)
    ending.join(10)
    assert not ending.is_alive()
    assert killed == [study]


def test_a_death_on_the_way_down_is_not_counted(service, supervisor):
    study = queued(service, "cows")
    service.store.grant(study, 1)
    supervisor.end()
    supervisor._down.clear()
    supervisor._gone(service.store.find(study), died=True, lived=0.0)
    assert supervisor._restarts.get(study, Restarts()).quick == 0


@pytest.mark.slow
def test_a_study_with_a_damaged_log_holds_up_no_other_and_is_a_trouble(service, begun, home):
    bad, good = queued(service, "bad"), queued(service, "good")
    with closing(sqlite3.connect(home / "studies.db")) as database:
        database.execute("DELETE FROM events WHERE seq = 1 AND study = (SELECT key FROM studies WHERE id = ?)", [bad])
        database.commit()
    fresh = Service(home)
    supervisor = Supervisor(fresh, Settings(slots=2))
    try:
        supervisor.turn()
        assert begun == [good]
        assert supervisor.troubles.keys() == {bad}
        supervisor.turn()
        assert supervisor.troubles.keys() == {bad}
    finally:
        supervisor._children.kill()
        fresh.close()


def test_a_controller_whose_log_became_unreadable_keeps_its_slots(service, supervisor, begun, monkeypatch):
    first = queued(service, "first")
    found_alive(supervisor, service, first)
    service.store.grant(first, 2)
    second = queued(service, "second")
    whole = supervisor._service.state

    def broken(study):
        if study == first:
            raise Conflict("damaged")
        return whole(study)

    monkeypatch.setattr(supervisor._service, "state", broken)
    supervisor.turn()
    assert begun == []
    assert supervisor.troubles == {first: "damaged"}
    monkeypatch.setattr(supervisor._service, "state", whole)
    supervisor.turn()
    assert supervisor.troubles == {}
    assert begun == [second]


def test_a_controller_that_cannot_be_started_holds_up_no_other_and_is_tried_again(service, supervisor, begun):
    bad, good = queued(service, "bad"), queued(service, "good")
    start = supervisor._children.start

    def full(study):
        if study == bad:
            raise OSError(28, "No space left on device")
        return start(study)

    supervisor._children.start = full
    supervisor.turn()
    assert begun == [good]
    assert "No space left" in supervisor.troubles[bad]
    supervisor.turn()
    assert "No space left" in supervisor.troubles[bad]
    supervisor._children.start = start
    supervisor._restarts[bad].not_before = 0.0
    supervisor.turn()
    assert begun == [good, bad]
    assert supervisor.troubles == {}


def test_a_file_in_the_way_of_a_study_s_folder_is_a_trouble(service, supervisor):
    study = queued(service, "cows")
    service.home.study(study).parent.mkdir(parents=True, exist_ok=True)
    service.home.study(study).write_text("in the way")
    supervisor.turn()
    assert "cannot be started" in supervisor.troubles[study]


def starting(monkeypatch, script: str, started: list[str]) -> None:
    """Controllers that do as a shell script says, with their words in their log."""

    def spawn(_module, words, log):
        started.append(words[1])
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as out:
            return psutil.Popen(["bash", "-c", script], stdout=out, stderr=out)

    monkeypatch.setattr("orchestrator.service.daemon.children.spawn", spawn)


UNREACHABLE = "echo 'some noise'; echo 'cannot reach Ray at far:1'; echo '  hint: start a head'; echo bye; exit 4"


def turns_until(supervisor: Supervisor, happened) -> None:
    deadline = time.monotonic() + 30
    while not happened():
        assert time.monotonic() < deadline, "waited too long"
        supervisor.turn()
        time.sleep(0.02)


@pytest.mark.slow
def test_a_server_that_keeps_a_controller_from_starting_is_the_trouble_and_asked_for_ever(
    service, supervisor, monkeypatch
):
    study, started = queued(service, "cows"), []
    starting(monkeypatch, UNREACHABLE, started)
    for tries in range(1, MOST + 3):
        turns_until(supervisor, lambda tries=tries: len(started) == tries and not supervisor._served)
        told = "its controller cannot be started: cannot reach Ray at far:1; start a head"
        assert supervisor.troubles == {study: told}
        supervisor.turn()
        assert len(started) == tries, "there is a pause between two tries"
        supervisor._restarts[study].not_before = 0.0
    starting(monkeypatch, "sleep 100", started)
    supervisor.turn()
    assert study in supervisor.troubles, "nobody knows yet whether it begins"
    token = service.store.acquire(study, owner_of(supervisor, study), 60, service.store.now())
    start = ControllerStarted(owner=owner_of(supervisor, study), token=token, workers=1)
    service.store.append(study, [start], token=token, at=time.time())
    supervisor.turn()
    assert supervisor.troubles == {}


def owner_of(supervisor: Supervisor, study: str) -> str:
    return f"{socket.gethostname()}:{supervisor._children.get(study).process.pid}"


@pytest.mark.slow
def test_a_study_whose_server_is_away_leaves_its_slots_to_others(service, monkeypatch):
    supervisor, started = Supervisor(service, Settings(slots=1)), []
    first, second = queued(service, "first"), queued(service, "second")
    starting(monkeypatch, UNREACHABLE, started)
    try:
        turns_until(supervisor, lambda: started == [first, second])
    finally:
        supervisor._children.kill()


def test_a_server_lost_by_a_controller_that_ran_is_a_death(service, supervisor, monkeypatch):
    study, started = queued(service, "cows"), []
    starting(monkeypatch, "sleep 100", started)
    supervisor.turn()
    owner = owner_of(supervisor, study)
    token = service.store.acquire(study, owner, 60, service.store.now())
    start = ControllerStarted(owner=owner, token=token, workers=1)
    service.store.append(study, [start], token=token, at=time.time())
    service.store.release(study, token)
    supervisor._children.kill()
    exited = supervisor._children.ended()[0]
    supervisor._gone(service.store.find(study), died=True, lived=1.0, exited=replace(exited, code=4))
    assert supervisor._restarts[study].quick == 1
    assert supervisor.troubles == {}


def test_a_controller_that_does_not_begin_is_told_of(service, supervisor, begun):
    study = queued(service, "cows")
    supervisor.turn()
    supervisor.turn()
    assert supervisor.troubles == {}
    supervisor._children.get(study).began -= 1000
    supervisor.turn()
    assert "has not begun yet" in supervisor.troubles[study]


@pytest.mark.slow
@pytest.mark.parametrize("deaf", [False, True])
def test_down_ends_a_controller_that_has_not_begun_and_its_study_waits(service, supervisor, monkeypatch, deaf):
    study, started = queued(service, "cows"), []
    monkeypatch.setattr("orchestrator.service.daemon.children._KILL_SECONDS", 0.3)
    starting(monkeypatch, "trap '' TERM; sleep 100; sleep 100" if deaf else "exec sleep 100", started)
    supervisor.turn()
    time.sleep(0.3 if deaf else 0.0)  # until it is deaf
    child = supervisor._children.get(study).process
    supervisor.end()
    began = time.monotonic()
    supervisor.finish()
    assert time.monotonic() - began < 10
    assert not child.is_running()
    assert (service.store.find(study).status, service.store.pending(study)) == (StudyStatus.QUEUED, [])


@pytest.mark.slow
def test_a_controller_that_makes_room_before_it_has_begun_has_not_died(service, supervisor, begun):
    study = queued(service, "cows")
    supervisor.turn()
    supervisor._ask_back(study)
    turns_until(supervisor, lambda: len(begun) == 2)
    assert begun == [study, study]
    assert supervisor._restarts[study].quick == 0


@pytest.mark.slow
def test_a_pause_while_the_controller_starts_ends_it(service, supervisor, begun):
    study = queued(service, "cows")
    supervisor.turn()
    child = supervisor._children.get(study).process
    service.pause("cows", "anna")
    turns_until(supervisor, lambda: not supervisor._served)
    assert not child.is_running()
    assert service.store.find(study).status is StudyStatus.PAUSED
    assert begun == [study]


def heard(kind: CommandKind, by: str) -> CommandGiven:
    return CommandGiven(command=kind, by=by)


def test_a_study_that_a_person_paused_stays_so_when_the_service_goes_down_within_its_epoch(
    service, supervisor, begun, monkeypatch
):
    study = queued(service, "cows")
    token = found_alive(supervisor, service, study)
    assert "asked to pause" in service.pause("cows", "anna").told
    supervisor._ask_back(study)  # as `down` does: it knows of no pause yet
    asked = service.store.pending(study)
    assert [one.command.by for one in asked] == ["anna", BY]
    for one in asked:
        service.store.append(study, [one.command], token=token, at=time.time(), taken=(one.id,))
    assert service.state(study).hurried
    service.store.release(study, token)
    for _ in range(2):
        supervisor.turn()
        assert service.store.find(study).status is service.state(study).status is StudyStatus.PAUSED
    next_one = Supervisor(service, Settings(slots=2))
    next_one.turn()
    assert begun == []
    assert "waits" in resumed_with_a_service(service, "cows")
    next_one.turn()
    assert begun == [study]
    next_one._children.kill()


def test_a_pause_stays_when_the_service_asks_a_controller_that_has_left(service, supervisor):
    study = queued(service, "cows")
    token = found_alive(supervisor, service, study)
    service.store.append(study, [heard(CommandKind.PAUSE, "anna")], token=token, at=time.time())
    supervisor._ask_back(study)
    service.store.release(study, token)
    record_aside(service.store, study, [], time.time())  # as the controller's last look does
    supervisor.turn()
    assert service.store.find(study).status is service.state(study).status is StudyStatus.PAUSED


QUEUE, PAUSE, RESUME = CommandKind.QUEUE, CommandKind.PAUSE, CommandKind.RESUME


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ([heard(PAUSE, SIGNAL), heard(QUEUE, BY)], StudyStatus.QUEUED),
        ([heard(QUEUE, BY), heard(PAUSE, SIGNAL)], StudyStatus.QUEUED),
        ([heard(PAUSE, "anna"), heard(RESUME, "anna"), heard(PAUSE, SIGNAL)], StudyStatus.QUEUED),
        ([heard(PAUSE, "anna"), heard(QUEUE, BY), heard(PAUSE, SIGNAL)], StudyStatus.PAUSED),
        ([heard(PAUSE, SIGNAL), heard(PAUSE, "anna"), heard(QUEUE, BY)], StudyStatus.PAUSED),
        ([heard(QUEUE, BY), heard(PAUSE, "anna")], StudyStatus.PAUSED),
    ],
)
def test_a_machine_that_stops_takes_back_its_own_pause_and_no_person_s(service, supervisor, told, status):
    study = queued(service, "cows")
    token = found_alive(supervisor, service, study)
    service.store.append(study, told, token=token, at=time.time())
    supervisor._leaving[study] = False
    service.store.release(study, token)
    supervisor.turn()
    assert service.store.find(study).status is service.state(study).status is status


def test_a_fault_of_our_own_in_one_study_holds_up_no_other(service, supervisor, begun, monkeypatch):
    bad, good = queued(service, "bad"), queued(service, "good")
    whole = supervisor._service.state

    def broken(study):
        if study == bad:
            raise KeyError("epoch")
        return whole(study)

    monkeypatch.setattr(supervisor._service, "state", broken)
    supervisor.turn()
    assert begun == [good]
    assert supervisor.troubles == {bad: "KeyError: 'epoch'"}


class Left:
    """A controller that has ended with a conflict."""

    pid, returncode = 2**22 + 1, 6

    def poll(self):
        return self.returncode


def always_leaving(supervisor, monkeypatch):
    started: list[str] = []

    def start(study):
        started.append(study)
        supervisor._children._by_study[study] = Child(Left())
        return 1

    supervisor._children.start = start
    supervisor._children.kill = lambda: None
    return started


def test_a_controller_that_leaves_with_a_conflict_of_its_own_is_given_up(service, supervisor, monkeypatch):
    study = queued(service, "cows")
    started = always_leaving(supervisor, monkeypatch)
    supervisor.turn()
    supervisor.turn()
    assert len(started) == 1, "there is a pause between two tries"
    for _ in range(40):
        supervisor._restarts[study].not_before = 0.0
        supervisor.turn()
    assert len(started) == MOST
    assert "exit code 6" in supervisor.troubles[study]


def test_a_controller_that_finds_another_one_has_not_died(service, supervisor, monkeypatch):
    study = queued(service, "cows")
    started = always_leaving(supervisor, monkeypatch)
    supervisor.turn()
    service.store.acquire(study, HERE, 60, service.store.now())
    supervisor.turn()
    assert started == [study]
    assert supervisor._restarts[study].quick == 0


def resumed_with_a_service(service: Service, name: str) -> str:
    """What a person is told who resumes a study while the service is up."""
    own = psutil.Process()
    up = record.Record(
        pid=own.pid,
        machine=socket.gethostname(),
        host="127.0.0.1",
        port=0,
        started=own.create_time(),
        version="1",
        slots=2,
        ready=True,
    )
    record.write(service.home, up)
    return service.resume(name, "anna").told


def test_a_resumed_study_of_the_archive_is_started(service, supervisor, begun):
    study = created("cows").study
    service.store.create_study(created("cows"), time.time())
    service.archive("cows")
    assert "waits in the queue" in resumed_with_a_service(service, "cows")
    assert not service.store.find(study).archived
    assert [one.id for one in service.daemon().queue] == [study]
    supervisor.turn()
    assert begun == [study]


def test_a_study_that_waits_in_the_queue_is_not_archived(service):
    queued(service, "cows")
    with pytest.raises(Conflict, match="queue"):
        service.archive("cows")
    service.pause("cows")
    assert service.archive("cows").changed


def test_a_machine_that_stops_twenty_segments_leaves_the_study_in_the_queue(service, supervisor):
    study, many = queued(service, "cows"), range(1, 21)
    token = found_alive(supervisor, service, study)
    told: list = []
    for one in many:
        suggested = TrialSuggested(
            trial=one, values={"lr": 0.001}, origin=Origin.RANDOM, reason="", bracket=0, to_epoch=3
        )
        told += [suggested, SegmentStarted(segment=one, trial=one, from_epoch=0, to_epoch=3)]
    told += [CommandGiven(command=CommandKind.QUEUE, by=BY), CommandGiven(command=CommandKind.PAUSE, by=SIGNAL)]
    for one in many:
        report = EpochReported(trial=one, segment=one, epoch=1, metrics={"mAP": 0.1})
        more = [EpochReported(trial=one, segment=one, epoch=epoch, metrics={"mAP": 0.1}) for epoch in (2, 3)]
        told += [report, *more, SegmentEnded(segment=one, trial=one, outcome=OutcomeKind.PAUSED)]
    service.store.append(study, told, token=token, at=time.time())
    supervisor._leaving[study] = False
    service.store.release(study, token)
    assert service.store.find(study).status is StudyStatus.PAUSED
    supervisor.turn()
    assert service.store.find(study).status is StudyStatus.QUEUED


def test_down_names_the_controllers_that_a_killed_service_left(service, supervisor):
    study = queued(service, "cows")
    token = found_alive(supervisor, service, study)
    done = CliRunner().invoke(down_command, [])
    assert isinstance(done.exception, Conflict)
    assert f"cows ({HERE})" in done.exception.message
    assert "`reid-tune up`" in done.exception.hint
    service.store.release(study, token)
    assert "the service is not up" in CliRunner().invoke(down_command, []).output


@pytest.fixture
def own_signals() -> Iterator[None]:
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


class Pages:
    """A web server that notes its end."""

    port, pid, trouble, ended = 1, 0, "", False

    def wait_until_up(self) -> int:
        return 0

    def tend(self) -> None:
        pass

    def end(self) -> None:
        self.ended = True


@pytest.mark.usefixtures("own_signals")
def test_the_web_server_ends_even_when_the_store_is_away_on_the_way_down(service, monkeypatch):
    daemon = process._Daemon(service, Settings(web=False, tick=0.01))
    pages = daemon._web = Pages()

    def away():
        raise ServerUnreachable("the store is away")

    monkeypatch.setattr("orchestrator.service.daemon.supervisor.OUTAGE_SECONDS", 0.0)
    monkeypatch.setattr(daemon._supervisor, "_bury", away)
    daemon._supervisor.end()
    with pytest.raises(ServerUnreachable):
        daemon.run()
    assert pages.ended


def test_a_turn_that_fails_by_a_fault_of_our_own_is_told_and_tried_again_after_a_pause(service, monkeypatch, caplog):
    daemon = process._Daemon(service, Settings(web=False, ray_address="head:6379"))
    turns: list[float] = []

    def broken():
        turns.append(time.monotonic())
        raise KeyError("epoch")

    whole = daemon._supervisor.turn
    monkeypatch.setattr(daemon._supervisor, "turn", broken)
    for _ in range(20):
        daemon._turn()
    assert len(turns) == 1, "it does not spin"
    found = record.read(service.home)
    assert found is not None
    assert found.ray_address == "head:6379"
    assert found.troubles["service"].startswith("a turn failed, KeyError: 'epoch'; see ")
    assert "Traceback" in caplog.text
    for often in range(2, 20):
        daemon._restarts.not_before = 0.0
        daemon._turn()
        assert len(turns) == often, "it never gives up"
    monkeypatch.setattr(daemon._supervisor, "turn", whole)
    daemon._restarts.not_before = 0.0
    daemon._turn()
    assert record.read(service.home).troubles == {}


@pytest.mark.usefixtures("own_signals")
def test_a_state_file_that_cannot_be_written_is_written_later(service, monkeypatch):
    daemon = process._Daemon(service, Settings(web=False))
    write = record.write

    def full(_home, _record):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(record, "write", full)
    daemon._publish(ready=True)
    daemon._turn()
    monkeypatch.setattr(record, "write", write)
    daemon._turn()
    found = record.read(service.home)
    assert found is not None
    assert found.ready


def test_a_half_written_state_file_leaves_nothing_behind(service, monkeypatch):
    daemon = process._Daemon(service, Settings(web=False))

    def full(_self, _target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.raises(OSError, match="No space"):
        record.write(service.home, daemon._record)
    assert list(service.home.root.glob(".daemon-*")) == []
