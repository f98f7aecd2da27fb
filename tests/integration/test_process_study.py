"""Studies on worker processes: killed, hung and hungry segments run again, and nobody is left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from contract.backend_contract import alive
from trials.killed import check_killed_controllers
from trials.studies import CURVE_TRIAL, created

from orchestrator.backends.inline import InlineBackend
from orchestrator.backends.process_backend import ProcessBackend
from orchestrator.control.controller import Controller
from orchestrator.events import EpochReported, OutcomeKind, SegmentEnded, SegmentStarted, StudyStatus, TrialStatus
from orchestrator.store import MemoryStore
from orchestrator.trial.kinds import FailureKind
from orchestrator.trial.protocol import Resources

TESTS = str(Path(__file__).resolve().parents[1])


def study(tmp_path, trial=CURVE_TRIAL, *, slots=1, resources=None, backend=None, **options):
    """(final state, events) of a study on worker processes."""
    resources = resources or Resources()
    store = MemoryStore()
    store.create_study(created(**options), 0.0)
    backend = backend or ProcessBackend(slots, resources, trial=trial)
    try:
        state = Controller(store, "id-curves", backend, directory=tmp_path, resources=resources).run()
    finally:
        backend.close()
    return state, [logged.event for logged in store.events("id-curves")]


def failures(events):
    return [e.failure for e in events if isinstance(e, SegmentEnded) and e.failure is not None]


def reasons(events):
    return [e.reason for e in events if isinstance(e, SegmentStarted)]


def test_killed_worker_costs_a_study_on_processes_no_epoch(tmp_path):
    state, events = study(tmp_path, slots=2, trials=4, **{"TEST.KILL_ONCE": str(tmp_path / "marker")})
    assert state.status is StudyStatus.COMPLETED
    assert state.epochs_spent == state.created.plan.epochs
    assert failures(events) == [FailureKind.LOST]
    reported = [(e.trial, e.epoch) for e in events if isinstance(e, EpochReported)]
    assert len(reported) == len(set(reported))


@pytest.mark.faults
def test_hung_trial_is_timed_out_with_its_process_tree_and_runs_again(tmp_path):
    family = tmp_path / "family"
    resources = Resources(silence=15.0)
    state, events = study(tmp_path, resources=resources, trials=1, max_epochs=2, **{"TEST.HANG": str(family)})
    assert state.status is StudyStatus.COMPLETED
    assert failures(events) == [FailureKind.TIMEOUT]
    ended = next(e for e in events if isinstance(e, SegmentEnded))
    assert "no sign of life" in ended.message
    assert not [pid for pid in family.read_text().split() if alive(int(pid))]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits a process's own data")
def test_segment_that_runs_out_of_its_memory_runs_again_in_more_micro_batches(tmp_path):
    resources = Resources(memory_gb=1.0)
    options = {"trials": 1, "max_epochs": 2, "TEST.GIB": 3.0}
    state, events = study(tmp_path, "trials.hungry:HungryTrial", resources=resources, **options)
    assert state.status is StudyStatus.COMPLETED
    assert failures(events) == [FailureKind.OUT_OF_MEMORY] * 2
    assert reasons(events)[1:] == [
        "again after out of memory, in 2 micro-batches (attempt 2)",
        "again after out of memory, in 4 micro-batches (attempt 3)",
    ]


def test_trial_short_of_gpu_memory_goes_on_from_its_checkpoint_in_more_micro_batches(tmp_path):
    backend = InlineBackend("trials.hungry:CudaTrial")
    state, events = study(tmp_path, backend=backend, trials=1, max_epochs=4, **{"TEST.PARTS": 4})
    assert state.status is StudyStatus.COMPLETED
    assert failures(events) == [FailureKind.OUT_OF_MEMORY] * 2
    assert [e.from_epoch for e in events if isinstance(e, SegmentStarted)] == [0, 2, 2]
    assert [e.epoch for e in events if isinstance(e, EpochReported)] == [1, 2, 3, 4]


def test_trial_that_fits_in_no_number_of_micro_batches_is_infeasible(tmp_path):
    backend = InlineBackend("trials.hungry:CudaTrial")
    state, events = study(tmp_path, backend=backend, trials=2, max_epochs=4, **{"TEST.PARTS": 16})
    assert state.status is StudyStatus.COMPLETED
    ended = [e for e in events if isinstance(e, SegmentEnded) and e.trial == 1]
    assert [e.outcome for e in ended] == [OutcomeKind.FAILED] * 3 + [OutcomeKind.INFEASIBLE]
    assert ended[-1].message == (
        "it does not fit into memory, even in 8 micro-batches: CUDA out of memory. Tried to allocate 20.00 MiB."
    )
    assert state.trials[1].status is TrialStatus.FAILED


ORPHANS = """
import os, signal, sys
from pathlib import Path
import psutil
from orchestrator.backends.process_backend import ProcessBackend
from orchestrator.store import MemoryStore
from orchestrator.trial.protocol import Resources
from trials.studies import CURVE_TRIAL, controller, created
folder, how = Path(sys.argv[1]), sys.argv[2]
backend = ProcessBackend(2, Resources(), trial=CURVE_TRIAL)
store = MemoryStore()
store.create_study(created(trials=4, max_epochs=50, **{"TEST.DELAY": 0.05, "TEST.CHILD": True}), 0.0)
def see(logged, state):
    if state.epochs_spent < 6:
        return
    pids = []
    while len(pids) < 4:  # two workers with a child each
        pids = [child.pid for child in psutil.Process().children(recursive=True)]
    print(*pids, flush=True)
    if how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "interrupted":
        os.kill(os.getpid(), signal.SIGINT)
    if how == "worker":
        os.kill(backend.workers()[0], signal.SIGKILL)
        os.kill(backend.workers()[1], signal.SIGKILL)
    raise RuntimeError("an exception of the controller")
try:
    controller(store, "id-curves", folder, backend, observer=see).run()
finally:
    if how != "unclosed":
        backend.close()
"""


@pytest.mark.parametrize(
    "how",
    [
        "killed",
        *(pytest.param(how, marks=pytest.mark.faults) for how in ("interrupted", "worker", "error", "unclosed")),
    ],
)
def test_no_process_outlives_its_controller(tmp_path, how):
    done = subprocess.run(
        [sys.executable, "-c", ORPHANS, str(tmp_path), how],
        env={**os.environ, "PYTHONPATH": TESTS},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    pids = [int(pid) for pid in done.stdout.split()]
    assert len(pids) >= 4, done.stderr
    left = [psutil.Process(pid) for pid in pids if alive(pid)]
    _, left = psutil.wait_procs(left, timeout=20)
    assert not [process for process in left if alive(process.pid)]


@pytest.mark.parametrize(
    "kills", [(11,), pytest.param(tuple(range(3, 60, 4)), marks=pytest.mark.faults)], ids=["once", "often"]
)
def test_killed_controller_on_processes_loses_no_result_and_repeats_no_epoch(tmp_path, kills):
    check_killed_controllers(tmp_path, "process_backend", "ProcessBackend", kills)
