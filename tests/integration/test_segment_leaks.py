"""Pausing and resuming again and again leaves nothing behind: no file, thread, process or memory."""

from __future__ import annotations

import gc
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from trials.studies import created

from orchestrator.backends.inline import InlineBackend
from orchestrator.backends.process_backend import ProcessBackend
from orchestrator.control.controller import Controller
from orchestrator.events import SegmentEnded, SegmentStarted, StudyStatus
from orchestrator.search.plan import make_plan
from orchestrator.store import MemoryStore
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
    shared: int
    worker_descriptors: int
    worker_threads: int
    memory: int

    @classmethod
    def now(cls, temporary: Path) -> Held:
        gc.collect()
        process = psutil.Process()
        children = process.children(recursive=True)
        return cls(
            process.num_fds(),
            threading.active_count(),
            len(children),
            len(list(temporary.iterdir())),
            len(list(Path("/dev/shm").glob("psm_*"))),
            max((child.num_fds() for child in children), default=0),
            max((child.num_threads() for child in children), default=0),
            process.memory_info().rss // MEGABYTES,
        )


def held_along(backend, folder, monkeypatch, *, early, late, plan=None, **options):
    """(what is held after `early` segments, after `late` ones, the state at the end, the log)."""
    temporary = folder / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    store = MemoryStore()
    first = created(**options)
    store.create_study(first if plan is None else first.model_copy(update={"plan": plan}), 0.0)
    seen = []

    def look(logged, state):
        if isinstance(logged.event, SegmentStarted) and logged.event.segment in {early, late}:
            seen.append(Held.now(temporary))

    state = Controller(store, "id-curves", backend, directory=folder, resources=Resources(), observer=look).run()
    return *seen, state, [logged.event for logged in store.events("id-curves")]


def assert_flat(first, last, *, megabytes):
    exact = ("processes", "temporary", "shared")
    assert [getattr(last, name) for name in exact] == [getattr(first, name) for name in exact]
    for name in ("descriptors", "threads", "worker_descriptors", "worker_threads"):
        assert getattr(last, name) <= getattr(first, name) + 2, (name, first, last)
    assert last.memory <= first.memory + megabytes, (first, last)


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
def test_a_day_of_segments_and_losses_leaves_nothing_behind(tmp_path, monkeypatch):
    """A day of two slots with a segment every 30 s is 5,760 segments; here they take 10 ms. Every 200th is killed."""
    backend = ProcessBackend(2, Resources(), trial=PAUSING)
    options = {"algorithm": "random", "plan": make_plan(120, 120, 3, 48), "TEST.KILL_EVERY": 200}
    try:
        first, last, state, events = held_along(backend, tmp_path, monkeypatch, early=400, late=5600, **options)
    finally:
        backend.close()
    assert state.status is StudyStatus.COMPLETED
    assert sum(isinstance(one, SegmentEnded) for one in events) >= 5760
    assert_flat(first, last, megabytes=64)  # the study's own state is part of it
