from __future__ import annotations

import socket
import subprocess
import sys

import psutil
import pytest

from orchestrator.service.daemon import record
from orchestrator.service.daemon.record import Record
from orchestrator.service.home import Home


@pytest.fixture
def place(home) -> Home:
    made = Home(home)
    made.ensure()
    return made


def of(pid: int, **changes) -> Record:
    started = psutil.Process(pid).create_time()
    plain = Record(
        pid=pid,
        machine=socket.gethostname(),
        host="127.0.0.1",
        port=8300,
        started=started,
        version="1",
        slots=2,
    )
    return plain.model_copy(update=changes)


def test_a_living_daemon_is_found_with_its_address(place):
    found = of(psutil.Process().pid)
    record.write(place, found)
    assert record.read(place) == found
    assert found.url == "http://127.0.0.1:8300"
    assert found.model_copy(update={"port": 0}).url == ""
    assert found.model_copy(update={"host": "::1"}).url == "http://[::1]:8300"


def test_the_record_of_a_dead_process_is_stale(place):
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    record.write(place, of(child.pid))
    assert record.read(place) is not None
    child.kill()
    child.wait()
    assert record.read(place) is None
    assert record.read(place, dead=True) is not None


def test_a_later_process_with_the_same_number_is_another_one(place):
    own = psutil.Process()
    record.write(place, of(own.pid, started=own.create_time() - 100))
    assert record.read(place) is None


def test_nobody_here_can_know_that_the_daemon_of_another_machine_is_dead(place):
    record.write(place, of(psutil.Process().pid, machine="elsewhere").model_copy(update={"pid": 2**22 + 1}))
    assert record.read(place) is not None


@pytest.mark.parametrize("text", ["", "{", '{"pid": "no"}'])
def test_a_torn_record_is_none(place, text):
    (place.root / "daemon.json").write_text(text)
    assert record.read(place) is None


def test_it_is_removed_twice_without_a_word(place):
    record.write(place, of(psutil.Process().pid))
    record.remove(place)
    record.remove(place)
    assert record.read(place) is None
