"""The backend contract on worker processes, and what only they promise."""

from __future__ import annotations

import os
import signal

import pytest

from contract.backend_contract import BackendContract, EndingContract, drain, spec
from orchestrator.backends import process_backend
from orchestrator.backends.process_backend import ProcessBackend, gpus_of_slots
from orchestrator.backends.protocol import Beat, Ended, Reported
from orchestrator.backends.wear import MAX_SEGMENTS_PER_PROCESS
from orchestrator.trial.kinds import FailureKind
from orchestrator.trial.protocol import Completed, Paused, Resources


@pytest.fixture(scope="module")
def shared_backend():
    backend = ProcessBackend(2, Resources(), trial="trials.curves:CurveTrial")
    yield backend
    backend.close()


@pytest.fixture
def backend(shared_backend):
    return shared_backend


class TestProcessBackend(BackendContract, EndingContract):
    pass


def test_killed_worker_is_lost_and_replaced(backend, tmp_path):
    before = backend.workers()
    backend.start(spec(tmp_path, **{"TEST.KILL_ONCE": str(tmp_path / "killed")}))
    outcome = drain(backend, 1)[-1].outcome
    assert (outcome.kind, outcome.retryable) == (FailureKind.LOST, True)
    assert "signal 9" in outcome.message
    assert len(set(before) & set(backend.workers())) == 1


@pytest.mark.parametrize(("kills", "kind"), [((3, 4), "out_of_memory"), ((3, 3), "lost"), ((None, None), "lost")])
def test_killed_worker_was_short_of_memory_only_where_the_kernel_says_so(backend, tmp_path, monkeypatch, kills, kind):
    counted = iter(kills)
    monkeypatch.setattr(process_backend, "oom_kills", lambda: next(counted))
    backend.start(spec(tmp_path, **{"TEST.KILL_ONCE": str(tmp_path / "killed")}))
    outcome = drain(backend, 1)[-1].outcome
    assert (outcome.kind, outcome.retryable) == (kind, True)


def test_what_a_trial_prints_is_in_its_folder_before_its_segment_ends(backend, tmp_path):
    backend.start(spec(tmp_path, 4, **{"TEST.PRINT": "said aloud"}))
    drain(backend, 1)
    assert (tmp_path / "0004" / "stdout.log").read_text() == "said aloud\n"


def test_worker_that_died_in_its_sleep_is_replaced_before_the_next_segment(backend, tmp_path):
    for pid in backend.workers():
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    backend.start(spec(tmp_path))
    assert isinstance(drain(backend, 1)[-1].outcome, Completed)


def test_sigterm_to_a_worker_leaves_its_segment_within_the_epoch(backend, tmp_path):
    """A machine that goes down tells all processes; one with nothing to save just ends."""
    backend.start(spec(tmp_path, to_epoch=2, **{"TEST.DELAY": 3600.0}))
    busy, idle = backend.workers()
    told = []

    def warn(message):
        if isinstance(message, Beat) and not told and (tmp_path / "0001" / "trial.log").exists():
            told.append(os.kill(busy, signal.SIGTERM))

    assert drain(backend, 1, on_message=warn)[-1].outcome == Paused(None)
    os.kill(idle, signal.SIGTERM)
    os.waitid(os.P_PID, idle, os.WEXITED | os.WNOWAIT)


def test_segments_run_side_by_side(backend, tmp_path):
    reported = set()

    def stop_when_both_have_reported(message):
        if isinstance(message, Reported):
            reported.add(message.segment)
        if reported == {1, 2}:
            backend.stop(1)
            backend.stop(2)

    for number in (1, 2):
        backend.start(spec(tmp_path, number, to_epoch=100_000, **{"TEST.DELAY": 0.01}))
    ended = [m.outcome for m in drain(backend, 2, on_message=stop_when_both_have_reported) if isinstance(m, Ended)]
    assert all(isinstance(outcome, Paused) for outcome in ended)


def test_worker_is_replaced_before_it_grows_old(tmp_path):
    backend = ProcessBackend(1, Resources(), trial="trials.curves:CurveTrial")
    try:
        workers = []
        for number in range(MAX_SEGMENTS_PER_PROCESS + 1):
            workers += backend.workers()
            backend.start(spec(tmp_path, number + 1, to_epoch=1))
            drain(backend, 1)
        assert len(set(workers[:-1])) == 1
        assert workers[-1] != workers[0]
        assert backend.workers() == workers[-1:]
    finally:
        backend.close()


def test_worker_whose_device_failed_is_replaced_before_anybody_hears_of_it(tmp_path):
    backend = ProcessBackend(1, Resources(), trial="trials.spoiling:SpoilingTrial")
    try:
        before, heard = backend.workers(), []
        backend.start(spec(tmp_path, 1, **{"TEST.ASSERT": True}))
        ended = drain(backend, 1, on_message=lambda one: isinstance(one, Ended) and heard.append(backend.workers()))
        assert ended[-1].outcome.kind is FailureKind.BUG
        assert heard[0] != before
        backend.start(spec(tmp_path, 2))
        assert isinstance(drain(backend, 1)[-1].outcome, Completed)
    finally:
        backend.close()


def test_trial_folder_that_cannot_be_made_costs_no_worker(backend, tmp_path):
    before = backend.workers()
    (tmp_path / "file").touch()
    backend.start(spec(tmp_path / "file"))
    assert drain(backend, 1)[-1].outcome.kind is FailureKind.DATA
    assert backend.workers() == before


def test_error_of_whoever_listens_is_not_the_workers(backend, tmp_path):
    def broken(message):
        if isinstance(message, Reported):
            raise OSError("the store is gone")

    before = backend.workers()
    backend.start(spec(tmp_path, 71, to_epoch=2))
    with pytest.raises(OSError, match="the store is gone"):
        drain(backend, 1, on_message=broken)
    assert isinstance(drain(backend, 1)[-1].outcome, Completed)
    assert backend.workers() == before


def test_trial_that_cannot_be_loaded_is_a_bug_of_the_segment(tmp_path):
    backend = ProcessBackend(1, Resources(), trial="trials.nowhere:Trial")
    try:
        backend.start(spec(tmp_path))
        outcome = drain(backend, 1)[-1].outcome
    finally:
        backend.close()
    assert outcome.kind is FailureKind.BUG
    assert "trials.nowhere" in outcome.message


def test_message_of_an_end_names_the_worker(backend, tmp_path):
    backend.start(spec(tmp_path))
    ended = drain(backend, 1)[-1]
    assert isinstance(ended, Ended)
    assert int(ended.worker.rpartition(":")[2]) in backend.workers()


@pytest.mark.parametrize(
    ("slots", "gpus", "visible", "expected"),
    [
        (2, 0.0, "01", [None, None]),
        (2, 1.0, "", [None, None]),
        (2, 1.0, "01", ["0", "1"]),
        (4, 0.5, "01", ["0", "0", "1", "1"]),
        (6, 0.33, "01", ["0", "0", "0", "1", "1", "1"]),
        (2, 2.0, "0123", ["0,1", "2,3"]),
        (3, 1.0, "01", ["0", "1", "0"]),
    ],
)
def test_slots_get_gpus_of_their_own_or_share_one(slots, gpus, visible, expected):
    assert gpus_of_slots(slots, gpus, list(visible)) == expected
