"""What a segment uses is averaged between its reports, children included."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from orchestrator.backends import usage as module
from orchestrator.backends.tree import family
from orchestrator.backends.usage import USAGE, Usage

BURN = "import sys; sys.stdin.readline(); b = bytearray(300 * 2**20); print(flush=True)\nwhile True: pass"


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
