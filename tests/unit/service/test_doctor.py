from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import time
from types import SimpleNamespace

import grpc
import psutil
import pytest
from trials import ray_port
from trials.studies import created

from orchestrator.events import CommandGiven, CommandKind
from orchestrator.service.asking import ask
from orchestrator.service.daemon import record
from orchestrator.service.daemon.record import Record
from orchestrator.service.doctor import examine
from orchestrator.service.doctor.machine import gpus, memory
from orchestrator.service.doctor.places import clock_check, disks
from orchestrator.service.doctor.services import check_ray, daemon, mlflow, notifications, store
from orchestrator.service.home import Home
from orchestrator.store import open_store


@pytest.fixture
def home(tmp_path, monkeypatch):
    for name in ("RAY_ADDRESS", "MLFLOW_TRACKING_URI", "REID_TUNE_STORE"):
        monkeypatch.delenv(name, raising=False)
    made = Home(tmp_path / "home")
    made.ensure()
    return made


@pytest.fixture
def studies(home):
    opened = open_store(home.store)
    opened.create_study(created(), 1.0)
    yield opened
    opened.close()


def test_a_machine_that_is_well_has_nothing_to_do(home, studies):
    found = {check.name: check for check in examine(home, None)}
    assert [check.name for check in found.values() if not check.ok] == []
    assert found["store"].finding.startswith("1 study in ")
    assert {"python", "torch", "memory", "disk", "clock", "mlflow", "daemon", "notifications"} <= set(found)


def test_a_home_that_cannot_be_written_is_the_finding_and_not_a_traceback():
    found = {check.name: check for check in examine(Home(Home.default().root.__class__("/proc/none")), None)}
    assert not found["home"].ok
    assert found["home"].advice == "set REID_TUNE_HOME to a writable folder"
    assert "store" not in found


@pytest.mark.slow
def test_a_torn_store_fails_with_what_to_do(home, studies):
    for number in range(200):
        studies.post("id-curves", CommandGiven(command=CommandKind.PAUSE, by="x" * 200 + str(number)), 1.0)
    studies.close()
    sqlite3.connect(home.store).execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with home.store.open("r+b") as file:
        file.seek(8192)
        file.write(os.urandom(16384))
    bad = [check for check in store(home) if not check.ok]
    assert bad
    assert all(check.advice for check in bad)


def test_mlflow_that_lags_or_does_not_answer_says_how_to_mend_it(home, studies, monkeypatch):
    ask(studies, "id-curves", CommandGiven(command=CommandKind.PAUSE, by="a"), time.time())
    studies.set_cursor("id-curves", "mlflow", 1)
    lag = {check.name: check for check in mlflow(home)}["mlflow lag"]
    assert (lag.ok, lag.finding, lag.advice) == (True, "events missing: curves (1)", "reid-tune mlflow sync curves")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:hunter2hunter2@127.0.0.1:{taken.getsockname()[1]}")
        away = next(iter(mlflow(home)))
    assert not away.ok
    assert "hunter2" not in away.finding


def test_full_disks_are_named(home, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10, total=2**40))
    found = list(disks(home))
    assert found[0].name == "disk"
    assert not any(check.ok for check in found)


@pytest.mark.parametrize(
    ("ahead", "ok", "finding"),
    [(0.1, True, "agrees with it"), (-3.0, True, "3.0 s ahead of it"), (60.0, False, "60.0 s behind it")],
)
def test_clocks_that_differ_are_told_by_how_much(ahead, ok, finding):
    check = clock_check("clock", "it", ahead)
    assert (check.ok, check.finding, bool(check.advice)) == (ok, finding, abs(ahead) > 2)


def test_studies_that_wait_for_no_daemon_are_a_warning(home, studies):
    assert daemon(home).advice == ""
    ask(studies, "id-curves", CommandGiven(command=CommandKind.QUEUE, by="a"), time.time())
    assert (daemon(home).finding, daemon(home).advice) == ("does not run, and 1 study waits", "reid-tune up")


def test_notifications_without_their_secret_are_a_warning_and_a_bad_file_fails(home):
    file = home.root / "notify.yaml"
    file.write_text("channels: {chat: {kind: webhook, url_env: NOBODY_SET_THIS}}")
    assert "NOBODY_SET_THIS" in next(iter(notifications(home))).finding
    file.write_text("channels: {chat: {kind: fax}}")
    assert not next(iter(notifications(home))).ok


@pytest.mark.slow
def test_ray_is_asked_only_where_an_address_is_known(home, monkeypatch):
    assert "ray cluster" not in {check.name for check in examine(home, None)}
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        assert not check_ray(address, connect=False).ok
    with ray_port.head() as head, ray_port.listening(b"HTTP/1.1 400 Bad Request") as other:
        assert check_ray(f"ray://{head}", connect=False).ok
        assert "it is no head" in check_ray(other, connect=False).finding
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    with ray_port.head(grpc.StatusCode.UNAUTHENTICATED) as closed:
        assert "brings its token" in check_ray(closed, connect=True).finding
    monkeypatch.setenv("RAY_ADDRESS", address)
    assert not {check.name: check for check in examine(home, None)}["ray cluster"].ok
    monkeypatch.delenv("RAY_ADDRESS")
    up = Record(
        pid=os.getpid(),
        machine=socket.gethostname(),
        host="127.0.0.1",
        port=0,
        started=psutil.Process().create_time(),
        version="1",
        slots=2,
        ray_address=address,
    )
    record.write(home, up)
    assert address in {check.name: check for check in examine(home, None)}["ray cluster"].finding


def test_a_limit_of_the_container_counts(tmp_path, monkeypatch):
    (tmp_path / "memory.max").write_text(str(2**30))
    (tmp_path / "memory.current").write_text(str(2**29))
    monkeypatch.setattr("orchestrator.service.doctor.machine.CGROUP", tmp_path)
    check = memory()
    assert check.finding == "0.5 of 1.0 GiB available (limit of the container)"
    assert check.advice


def test_files_that_the_container_keeps_in_memory_count_as_free(tmp_path, monkeypatch):
    (tmp_path / "memory.max").write_text(str(2**31))
    (tmp_path / "memory.current").write_text(str(2**31))
    (tmp_path / "memory.stat").write_text(f"anon 1\nfile 2\ninactive_file {3 * 2**29}\n")
    monkeypatch.setattr("orchestrator.service.doctor.machine.CGROUP", tmp_path)
    assert memory().finding == "1.5 of 2.0 GiB available (limit of the container)"


def test_a_driver_that_does_not_answer_fails(tmp_path, monkeypatch):
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'Failed to initialize NVML: Driver/library version mismatch'\nexit 18\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    check = next(iter(gpus()))
    assert not check.ok
    assert "version mismatch" in check.finding
