"""Which ends of a segment spoil its process, and what a segment ends with that cannot even begin."""

from __future__ import annotations

import errno
import threading

import pytest

from orchestrator.backends import alone, usage
from orchestrator.backends.alone import run_alone
from orchestrator.backends.protocol import Ended
from orchestrator.backends.run_segment import Asking, run_segment
from orchestrator.backends.wear import spoilt
from orchestrator.trial.kinds import FailureKind
from orchestrator.trial.protocol import Completed, Failed, Paused, SegmentSpec


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Failed(FailureKind.NODE, "the GPU failed", retryable=True), True),
        (Failed(FailureKind.LOST, "training process 2 of 2 was ended", retryable=True), True),
        (Failed(FailureKind.BUG, "RuntimeError: CUDA error: device-side assert triggered", retryable=False), True),
        (Failed(FailureKind.BUG, "RuntimeError: cuDNN error: CUDNN_STATUS_EXECUTION_FAILED", retryable=False), True),
        (Failed(FailureKind.BUG, "ZeroDivisionError: division by zero", retryable=False), False),
        (Failed(FailureKind.OUT_OF_MEMORY, "CUDA error: out of memory", retryable=True), False),
        (Failed(FailureKind.DIVERGED, "loss is NaN", retryable=False), False),
        (Paused(None), False),
    ],
)
def test_a_process_is_spoilt_by_what_outlives_its_segment(outcome, expected):
    assert spoilt(outcome) is expected


class Fine:
    """Completes, or raises."""

    def __init__(self, error=None):
        self.error = error

    def run(self, *_):
        if self.error is not None:
            raise self.error
        return Completed(None)


def ended(run, directory, error=None):
    said = []
    run(Fine(error), SegmentSpec("s", 1, 1, {}, 0, 1, None, 0, str(directory)), said.append, Asking(lambda: False))
    assert [isinstance(one, Ended) for one in said] == [False] * (len(said) - 1) + [True]
    return said[-1].outcome


def test_a_folder_that_cannot_be_made_ends_the_segment_and_not_its_process(tmp_path):
    (tmp_path / "file").touch()
    outcome = ended(run_alone, tmp_path / "file" / "0001")
    assert (outcome.kind, outcome.retryable) == (FailureKind.DATA, True)
    assert "cannot use" in outcome.message


def test_a_full_disk_is_the_nodes_fault_before_the_segment_begins_too(tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(alone, "captured", full)
    assert ended(run_alone, tmp_path).kind is FailureKind.NODE


def test_a_file_elsewhere_is_not_told_as_the_trials_folder(tmp_path):
    outcome = ended(run_segment, tmp_path / "0001", FileNotFoundError(errno.ENOENT, "No such file", "/data/cow.jpg"))
    assert outcome.kind is FailureKind.DATA
    assert outcome.message == "FileNotFoundError: [Errno 2] No such file: '/data/cow.jpg'"


@pytest.mark.slow
def test_a_thread_for_which_there_is_no_room_is_a_want_of_memory(tmp_path, monkeypatch):
    class Refused(threading.Thread):
        def start(self):
            raise RuntimeError("can't start new thread")

    monkeypatch.setattr(usage.threading, "Thread", Refused)
    assert ended(run_segment, tmp_path / "0001").kind is FailureKind.OUT_OF_MEMORY
