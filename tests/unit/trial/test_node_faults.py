"""Which faults of a segment are the node's own: its GPU and its disk, not the trial's mistakes."""

from __future__ import annotations

import errno

import pytest

from orchestrator.trial import reid
from orchestrator.trial.kinds import FailureKind
from orchestrator.trial.protocol import Resources, SegmentSpec
from reid_core import api
from reid_core.errors import ProcessLost, ReidTuneError

SPEC = SegmentSpec("s", 1, 1, {}, 0, 1, None, 0, "/nowhere")


@pytest.fixture
def fails(monkeypatch):
    """Run a trial whose training raises this."""

    def run(error):
        def train(*_, **__):
            raise error

        monkeypatch.setattr(reid.ReidTrial, "_train", train)
        return reid.ReidTrial().run(SPEC, None)

    return run


@pytest.mark.parametrize(
    "message",
    [
        "CUDA error: uncorrectable ECC error encountered\nCUDA kernel errors might be reported later",
        "CUDA error: unspecified launch failure",
        "CUDA error: CUDA-capable device(s) is/are busy or unavailable",
        "No CUDA-capable device is detected",
        "NCCL error: unhandled system error (run with NCCL_DEBUG=INFO)",
    ],
)
def test_broken_gpu_is_the_nodes_fault_and_the_segment_runs_again(fails, message):
    outcome = fails(RuntimeError(message))
    assert (outcome.kind, outcome.retryable) == (FailureKind.NODE, True)
    assert message.splitlines()[0] in outcome.message


def test_lost_process_of_several_runs_again(fails):
    outcome = fails(ProcessLost("training process 2 of 2 was ended by signal 9"))
    assert (outcome.kind, outcome.retryable) == (FailureKind.LOST, True)


@pytest.mark.parametrize("message", ["CUDA error: device-side assert triggered", "shape '[2]' is invalid"])
def test_mistake_of_the_trial_is_not_held_against_its_node(fails, message):
    with pytest.raises(RuntimeError, match=message.split(":")[0].split(" '")[0]):
        fails(RuntimeError(message))


def test_full_disk_is_the_nodes_fault(fails):
    outcome = fails(OSError(errno.ENOSPC, "No space left on device"))
    assert (outcome.kind, outcome.retryable) == (FailureKind.NODE, True)


@pytest.mark.parametrize("number", [errno.EIO, errno.EROFS, errno.ENOSPC])
def test_disk_of_the_decoded_images_that_fails_is_the_nodes_fault(fails, number):
    error = ReidTuneError("cannot keep decoded images in /cache")
    error.__cause__ = OSError(number, "failed")
    outcome = fails(error)
    assert (outcome.kind, outcome.retryable) == (FailureKind.NODE, True)


@pytest.mark.parametrize(
    ("resources", "processes"),
    [
        (Resources(1), 1),
        (Resources(1, 0.5), 1),
        (Resources(1, 2.0), 2),
        (Resources(1, nodes=2), 2),
        (Resources(1, 4.0, nodes=2), 4),
    ],
)
def test_each_gpu_and_each_node_has_a_process(monkeypatch, tmp_path, resources, processes):
    from dataclasses import replace

    from reid_core.config import load_config

    given = {}

    def train(*_, **options):
        given.update(options)
        return api.TrainResult(1, {}, api.CheckpointFile(tmp_path, 1, ""), stopped=False, best=None)

    monkeypatch.setattr(api, "train", train)
    config = load_config("demo").values
    outcome = reid.ReidTrial().run(
        replace(SPEC, config=config, resources=resources, directory=str(tmp_path)), Context()
    )
    assert given["processes"] == processes, outcome


class Context:
    """Nobody listens."""

    def __getattr__(self, _):
        return lambda *_: False
