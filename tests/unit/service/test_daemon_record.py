from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from orchestrator.service.daemon import record
from orchestrator.service.daemon.record import Record
from orchestrator.service.home import Home
from orchestrator.service.service import Service


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


def child(*words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "input()", *words], stdin=subprocess.PIPE)


def test_the_web_server_of_a_killed_daemon_is_ended_and_nobody_else(place):
    daemon = child()
    made = of(daemon.pid)
    web, other = child("serve", "8300"), child("study")
    try:
        record.write(place, made.model_copy(update={"web": web.pid}))
        record.end_web(place)
        assert web.poll() is None  # its daemon lives
        daemon.kill()
        daemon.wait()
        record.write(place, made.model_copy(update={"web": other.pid}))
        record.end_web(place)
        assert other.poll() is None  # a later process with its number
        record.write(place, made.model_copy(update={"web": web.pid}))
        found = record.forget_dead(place)
        assert found is not None
        assert found.pid == daemon.pid
        web.wait(10)
        assert record.read(place, dead=True) is None
    finally:
        for one in (daemon, web, other):
            one.kill()
            one.wait()


@pytest.mark.slow
def test_a_process_that_is_held_ends_with_whoever_holds_it(tmp_path):
    script = (
        "from pathlib import Path; from orchestrator.service.processes import spawn; import time, sys\n"
        "code = 'from orchestrator.service.processes import end_with_stdin as e; import time; e(); time.sleep(600)'\n"
        "Path('held.py').write_text(code)\n"
        "print(spawn('held', [], Path('log'), held=True).pid, flush=True); time.sleep(600)"
    )
    root = str(Path(__file__).resolve().parents[3])
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{root}"}
    holder = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=tmp_path, env=environment)
    assert holder.stdout is not None
    held = psutil.Process(int(holder.stdout.readline()))
    assert held.is_running()
    holder.kill()
    holder.wait()
    held.wait(60)
    holder.stdout.close()


def test_a_service_that_died_is_told_with_the_studies_that_were_in_its_care(place):
    service = Service(place.root)
    daemon = child()
    record.write(place, of(daemon.pid))
    assert (service.daemon().up, service.daemon().died) == (True, None)
    daemon.kill()
    daemon.wait()
    view = service.daemon()
    service.close()
    assert (view.up, view.died) == (False, daemon.pid)
