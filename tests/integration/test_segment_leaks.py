"""Pausing and resuming again and again leaves nothing behind: no file, thread, process or memory.

The log is in a database and the trials only sleep: test_trial_leaks.py has real trainings.
"""

from __future__ import annotations

import gc
import os
import shlex
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from shared_memory import left_in_shared_memory, names_in_shared_memory
from trials.studies import created

from orchestrator.backends.inline import InlineBackend
from orchestrator.backends.process_backend import ProcessBackend
from orchestrator.control.controller import Controller
from orchestrator.events import SegmentEnded, SegmentStarted, StudyStatus
from orchestrator.search.plan import make_plan
from orchestrator.store import open_store
from orchestrator.trial.protocol import Resources

PAUSING = "trials.pausing:PausingTrial"
MEGABYTES = 2**20


@dataclass(frozen=True)
class Held:
    """What this process and its workers hold."""

    descriptors: int
    threads: int
    processes: int
    temporary: int
    shared: frozenset[str]
    worker_descriptors: int
    worker_threads: int
    memory: int

    @classmethod
    def now(cls, temporary: Path, before: frozenset[str]) -> Held:
        gc.collect()
        process = psutil.Process()
        # a database's server is the test's: it starts helpers of its own when it likes
        children = [child for child in process.children(recursive=True) if child.name() != "postgres"]
        return cls(
            process.num_fds(),
            threading.active_count(),
            len(children),
            len(list(temporary.iterdir())),
            left_in_shared_memory(before),
            max((child.num_fds() for child in children), default=0),
            max((child.num_threads() for child in children), default=0),
            process.memory_info().rss // MEGABYTES,
        )


def held_along(backend, folder, monkeypatch, *, early, late, plan=None, url=None, **options):
    """(what is held after `early` segments, after `late` ones, the state at the end, the log)."""
    temporary = folder / "tmp"
    temporary.mkdir()
    before = names_in_shared_memory()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    store = open_store(url or folder / "studies.db")
    first = created(**options)
    store.create_study(first if plan is None else first.model_copy(update={"plan": plan}), 0.0)
    seen = []

    def look(logged, state):
        if isinstance(logged.event, SegmentStarted) and logged.event.segment in {early, late}:
            seen.append(Held.now(temporary, before))

    with closing(store):
        state = Controller(store, "id-curves", backend, directory=folder, resources=Resources(), observer=look).run()
        return *seen, state, [logged.event for logged in store.events("id-curves")]


def assert_flat(first, last, *, megabytes):
    assert last.shared <= first.shared
    exact = ("processes", "temporary")
    assert [getattr(last, name) for name in exact] == [getattr(first, name) for name in exact]
    for name in ("descriptors", "threads", "worker_descriptors", "worker_threads"):
        assert getattr(last, name) <= getattr(first, name) + 2, (name, first, last)
    assert last.memory <= first.memory + megabytes, (first, last)


HOLD = """
import mmap, sys, time
from pathlib import Path
with open(sys.argv[1], "w+b") as file:
    file.truncate(4096)
    held = mmap.mmap(file.fileno(), 4096)
    Path(sys.argv[2]).touch()
    while Path(sys.argv[2]).exists():
        time.sleep(0.05)
"""


def test_what_a_dead_process_left_in_shared_memory_counts_and_what_another_tree_holds_does_not(tmp_path):
    before, ours = names_in_shared_memory(), Path(f"/dev/shm/psm_of_{os.getpid()}")
    leave = "import os; open(f'/dev/shm/torch_{os.getpid()}_1_1', 'w'); open(f'/dev/shm/sem.of_{os.getppid()}', 'w')"
    subprocess.run([sys.executable, "-c", leave], check=True)
    ready = tmp_path / "ready"
    words = shlex.join([sys.executable, "-c", HOLD, str(ours), str(ready)])
    subprocess.run(["sh", "-c", f"{words} &"], check=True)  # whose parent is gone: no child of this process
    try:
        while not ready.exists():
            time.sleep(0.05)
        left = left_in_shared_memory(before)
        assert f"sem.of_{os.getpid()}" in left
        assert any(name.startswith("torch_") for name in left)
        assert ours.name not in left
        ready.unlink()
        while ours.name not in left_in_shared_memory(before):
            time.sleep(0.05)  # its holder has died and left it
    finally:
        for name in (*left_in_shared_memory(before), ours.name):
            if name in {ours.name, f"sem.of_{os.getpid()}"} or name.endswith("_1_1"):
                (Path("/dev/shm") / name).unlink(missing_ok=True)


@pytest.mark.parametrize("cycles", [150, pytest.param(1000, marks=pytest.mark.faults)])
def test_pausing_and_resuming_inline_leaves_nothing_behind(tmp_path, monkeypatch, cycles):
    backend = InlineBackend(PAUSING)
    first, last, state, events = held_along(
        backend, tmp_path, monkeypatch, early=cycles // 5, late=cycles, trials=1, max_epochs=cycles
    )
    assert state.status is StudyStatus.COMPLETED
    assert sum(isinstance(one, SegmentEnded) for one in events) == cycles
    assert_flat(first, last, megabytes=16)


@pytest.mark.parametrize("cycles", [60, pytest.param(1000, marks=pytest.mark.faults)])
def test_pausing_and_resuming_on_processes_leaves_nothing_behind(tmp_path, monkeypatch, cycles):
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    backend = ProcessBackend(1, Resources(), trial=PAUSING)
    try:
        first, last, state, events = held_along(
            backend, tmp_path, monkeypatch, early=10, late=cycles, trials=1, max_epochs=cycles
        )
    finally:
        backend.close()
    assert state.status is StudyStatus.COMPLETED
    assert sum(isinstance(one, SegmentEnded) for one in events) == cycles
    assert_flat(first, last, megabytes=16)
    left = {child.pid for child in psutil.Process().children(recursive=True)}
    assert left <= before  # what another test of this process had left may end meanwhile


@pytest.mark.faults
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_day_of_segments_and_losses_leaves_nothing_behind(tmp_path, monkeypatch, request, kind):
    """A day of two slots with a segment every 30 s is 5,760 segments; here they take 10 ms. Every 200th is killed."""
    url = request.getfixturevalue("postgres").url() if kind == "postgres" else None
    backend = ProcessBackend(2, Resources(), trial=PAUSING)
    options = {"algorithm": "random", "plan": make_plan(120, 120, 3, 48), "url": url, "TEST.KILL_EVERY": 200}
    try:
        first, last, state, events = held_along(backend, tmp_path, monkeypatch, early=400, late=5600, **options)
    finally:
        backend.close()
    assert state.status is StudyStatus.COMPLETED
    assert sum(isinstance(one, SegmentEnded) for one in events) >= 5760
    assert_flat(first, last, megabytes=64)  # the study's own state is part of it
