"""What counts as memory running out, and the limit on a process's own data."""

from __future__ import annotations

import errno
import subprocess
import sys

import pytest

from orchestrator.backends import memory
from orchestrator.backends.memory import memory_failure, oom_kills
from orchestrator.trial.kinds import FailureKind

LIMITED = """
import sys
import numpy as np
from orchestrator.backends.memory import limited, memory_failure
from orchestrator.trial.protocol import Resources
with limited(Resources(memory_gb=1.0, gpus=float(sys.argv[1]))):
    try:
        print(np.empty(2 * 2**27).nbytes)
    except Exception as error:
        print(memory_failure(error).kind.value)
print(np.empty(2 * 2**27).nbytes)
"""


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("17 bytes"),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("can't start new thread"),
    ],
)
def test_errors_of_memory_are_told_from_others_and_may_be_tried_again(error):
    failed = memory_failure(error)
    assert (failed.kind, failed.retryable) == (FailureKind.OUT_OF_MEMORY, True)


@pytest.mark.parametrize("error", [ValueError("out of memory"), OSError(errno.ENOSPC, "full"), RuntimeError("shape")])
def test_other_errors_are_not(error):
    assert memory_failure(error) is None


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits a process's own data")
@pytest.mark.parametrize(("gpus", "first"), [(0, "out_of_memory"), (1, str(2**31))], ids=["cpu", "gpu"])
def test_a_limit_holds_for_its_block_and_not_for_a_process_with_a_gpu(gpus, first):
    said = subprocess.run([sys.executable, "-c", LIMITED, str(gpus)], capture_output=True, text=True, check=True)
    assert said.stdout.split() == [first, str(2**31)]


@pytest.mark.parametrize(
    ("own", "file", "text"),
    [
        ("0::/a/b\n", "a/b/memory.events", "low 0\noom 4\noom_kill 3\n"),
        ("0::/gone\n", "memory.events", "oom_kill 3\n"),
        ("5:cpu,memory:/a\n", "memory/a/memory.oom_control", "oom_kill_disable 0\noom_kill 3\n"),
    ],
)
def test_kills_for_want_of_memory_are_counted_in_the_own_control_group(tmp_path, monkeypatch, own, file, text):
    (tmp_path / "own").write_text(own)
    path = tmp_path / "groups" / file
    path.parent.mkdir(parents=True)
    path.write_text(text)
    monkeypatch.setattr(memory, "_OWN_CGROUP", tmp_path / "own")
    monkeypatch.setattr(memory, "_CGROUPS", tmp_path / "groups")
    memory._counters.cache_clear()
    try:
        assert oom_kills() == 3
    finally:
        memory._counters.cache_clear()
