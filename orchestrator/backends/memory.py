"""Memory of a segment: a limit on it, what it means when it runs out, and giving it back afterwards."""

from __future__ import annotations

import ctypes
import errno
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import psutil

from orchestrator.trial.kinds import FailureKind
from orchestrator.trial.protocol import Failed, Resources

__all__ = ["data_held", "give_back", "limited", "memory_failure", "oom_kills"]

_GIB = 2**30
_CGROUPS, _OWN_CGROUP, _MACHINE = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup"), Path("/proc/vmstat")
_SAID = (
    "out of memory",
    "not enough memory",
    "can't allocate memory",
    "cannot allocate memory",
    "alloc_failed",  # CUBLAS_STATUS_ALLOC_FAILED, CUDNN_STATUS_ALLOC_FAILED
    "can't start new thread",  # no room for its stack
)


def give_back() -> None:
    """Collect cycles, then let the C library and CUDA return what is free. Does nothing more where there is neither.

    glibc keeps what was freed for the thread that freed it, and torch what was freed on a GPU, which other segments
    may share; training leaves gigabytes of it behind.
    """
    gc.collect()
    _leave_out_what_stays()
    trim = _trim()
    if trim is not None:
        trim(0)
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()


@cache
def _leave_out_what_stays() -> None:
    """Later collections pass over what is there after the first segment, modules mostly: a sixth of a second each."""
    gc.freeze()


@cache
def _trim() -> ctypes._NamedFuncPointer | None:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):  # another C library, or a system without one to open by None
        return None


def memory_failure(error: BaseException) -> Failed | None:
    """What a segment ends with when `error` says that memory ran out, on the CPU or a GPU; None for other errors."""
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    short = isinstance(error, OSError) and error.errno == errno.ENOMEM
    told = isinstance(error, RuntimeError) and any(said in str(error).lower() for said in _SAID)  # torch's are these
    if isinstance(error, MemoryError):
        text = f"not enough memory: {text}"
    return (
        Failed(FailureKind.OUT_OF_MEMORY, text, retryable=True)
        if short or told or isinstance(error, MemoryError)
        else None
    )


@contextmanager
def limited(resources: Resources, *, beside: int = 0) -> Iterator[None]:
    """In here this process may hold `resources.memory_gb` GiB of data of its own (0: as much as there is).

    Not counting `beside` bytes, which whatever runs it took for itself.

    The limit is RLIMIT_DATA: what is written to privately, so neither files, nor libraries, nor address space that is
    only reserved. Allocating more fails with MemoryError or torch's RuntimeError. A process that uses a GPU has no
    such limit: the driver takes what it needs by the same calls, and does not bear a refusal. Processes that are
    started in here have the same limit, each for itself.
    """
    if not resources.memory_gb or resources.gpus or sys.platform != "linux":
        yield
        return
    import resource  # noqa: PLC0415 - not every system has it

    before, most = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = int(resources.memory_gb * _GIB) + beside
    resource.setrlimit(resource.RLIMIT_DATA, (wanted if most == resource.RLIM_INFINITY else min(wanted, most), most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (before, most))


def data_held() -> int:
    """Bytes of its own that this process holds already, as `limited` counts them; 0 where nobody counts."""
    return int(getattr(psutil.Process().memory_info(), "data", 0)) if sys.platform == "linux" else 0


def oom_kills() -> int | None:
    """How many processes the kernel has killed for want of memory in this control group; None where nobody counts.

    Outside of any control group those of the machine are counted.
    """
    for place in _counters():
        try:
            lines = place.read_text().splitlines()
        except OSError:
            continue
        for line in lines:
            name, _, count = line.partition(" ")
            if name == "oom_kill" and count.isdigit():
                return int(count)
    return None


@cache
def _counters() -> tuple[Path, ...]:
    """Where the counter may be: version 2 of control groups, version 1, and the machine's when there are none."""
    try:
        lines = _OWN_CGROUP.read_text().splitlines()
    except OSError:
        return ()
    places = []
    for _, kinds, own in (line.split(":", 2) for line in lines if line.count(":") >= 2):
        path = own.strip("/")
        if not kinds:
            places += [_CGROUPS / path / "memory.events", _CGROUPS / "memory.events"]
        elif "memory" in kinds.split(","):
            places += [_CGROUPS / "memory" / path / "memory.oom_control", _CGROUPS / "memory" / "memory.oom_control"]
    alone = all(line.endswith(":/") for line in lines)
    return (*places, _MACHINE) if alone else tuple(places)
