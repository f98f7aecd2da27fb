"""What a segment uses is averaged between its reports, children included."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest

from orchestrator.backends import usage as module
from orchestrator.backends.tree import family
from orchestrator.backends.usage import USAGE, Usage

BURN = "import sys; sys.stdin.readline(); b = bytearray(300 * 2**20); print(flush=True)\nwhile True: pass"


@pytest.mark.slow
def test_averages_cover_the_time_since_the_last_report_and_its_children(monkeypatch):
    usage = Usage(seconds=3600)  # sampled by hand
    with usage:
        assert usage.take() == {}
        usage._sample()
        alone = usage.take()
        assert set(alone) == {"cpu", "memory_gb"} <= set(USAGE)
        assert usage.take() == {}
        child = subprocess.Popen([sys.executable, "-c", BURN], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            child.stdin.write(b"\n")
            child.stdin.flush()
            child.stdout.readline()
            usage._sample()
            assert usage.take()["memory_gb"] > alone["memory_gb"] + 0.25
            before = module._tree()[0][child.pid]
            while module._tree()[0][child.pid] < before + 0.2:
                pass
            usage._sample()
            assert usage.take()["cpu"] > 0
        finally:
            child.kill()
            child.communicate()


def test_the_sampling_thread_ends_with_its_block():
    with Usage(seconds=3600) as usage:
        assert usage._thread.is_alive()
    assert not usage._thread.is_alive()
    assert threading.active_count() >= 1


def test_the_family_of_a_process_is_itself_without_children():
    found = family(os.getpid())
    if found != [os.getpid()]:
        pytest.skip("this test process has children of its own")
    assert found == [os.getpid()]


class _Cuda:
    """A node of four GPUs of 80 GiB, on which GPU n computes n tenths of the time and has n + 1 GiB taken."""

    def __init__(self, *, watched):
        self._watched = watched

    def is_available(self):
        return True

    is_initialized = is_available

    def current_device(self):
        return 0

    def device_count(self):
        return 4

    def mem_get_info(self):
        return 79 * 2**30, 80 * 2**30

    def utilization(self, device):
        if not self._watched:
            raise ModuleNotFoundError("nvidia-ml-py is not installed")
        return 10 * device

    def device_memory_used(self, device):
        return (device + 1) * 2**30


@pytest.mark.parametrize(
    ("gpus", "watched", "expected"),
    [
        (0, True, {"gpu": 0.0, "gpu_memory_gb": 1.0}),
        (1, True, {"gpu": 0.0, "gpu_memory_gb": 1.0}),
        (3, True, {"gpu": 0.1, "gpu_memory_gb": 6.0}),
        (8, True, {"gpu": 0.15, "gpu_memory_gb": 10.0}),  # four of them are another node's
        (3, False, {"gpu_memory_gb": 1.0}),
    ],
)
def test_gpus_of_all_ranks_of_a_node_count(monkeypatch, gpus, watched, expected):
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=_Cuda(watched=watched)))
    usage = Usage(seconds=3600, gpus=gpus)
    with usage:
        usage._sample()
    told = usage.take()
    assert {name: told[name] for name in told if name.startswith("gpu")} == pytest.approx(expected)
