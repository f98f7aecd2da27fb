"""What this machine offers to trials: cores, GPUs, and how trials share them."""

from __future__ import annotations

import os
from pathlib import Path

from orchestrator.trial.protocol import Resources
from search_spaces.model import Resources as Wanted

__all__ = ["CGROUP", "cores", "cpu_quota", "default_threads", "gpu_count", "share"]

MAX_DEFAULT_WORKERS = 4
"""More trials side by side than this wait for each other at the rungs of a 12-trial study."""


CGROUP = Path("/sys/fs/cgroup")
"""The control group of a container, as it sees it."""


def cores() -> int:
    """CPU cores this process may use: those it is bound to, or fewer where a container's quota does not fill them."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cpu_quota()
    return bound if quota is None else max(1, min(bound, int(quota)))


def cpu_quota() -> float | None:
    """Cores' worth of time that this container gets (control groups of version 2, or 1); None without a limit."""
    try:
        quota, period = (CGROUP / "cpu.max").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        try:
            quota, period = ((CGROUP / "cpu" / f"cpu.cfs_{name}_us").read_text("ascii") for name in ("quota", "period"))
        except (OSError, ValueError):
            return None
    try:
        return int(quota) / int(period) if int(quota) > 0 else None
    except (ValueError, ZeroDivisionError):  # "max"
        return None


def default_threads() -> int:
    """Threads for one computation that nobody gave a number: OMP_NUM_THREADS where it is set, else every core."""
    wanted = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return int(wanted) if wanted.isdecimal() and int(wanted) else cores()


def gpu_count() -> int:
    """GPUs visible to this process, without importing torch."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    devices = sorted(Path("/dev").glob("nvidia[0-9]*"))
    if visible is None:
        return len(devices)
    return min(len(devices), len([one for one in visible.split(",") if one.strip() not in {"", "-1"}]))


def share(wanted: Wanted, workers: int | None, backend: str, together: int = 1) -> tuple[int, Resources]:
    """(segments side by side, resources of each): `together` trials a GPU where there are GPUs, else cores are divided.

    Each trial gets cores // workers threads, so that parallel trials do not fight over cores.
    """
    gpus = gpu_count()
    each = wanted.gpus if wanted.gpus != "auto" else (1.0 / (1 if backend == "inline" else together) if gpus else 0.0)
    if backend == "inline":
        workers = 1
    elif workers is None:
        by_gpu = int(gpus / each) if each else 0
        workers = max(1, by_gpu or min(MAX_DEFAULT_WORKERS, cores()))
    cpus = wanted.cpus if wanted.cpus != "auto" else max(1, cores() // workers)
    return workers, Resources(cpus=cpus, gpus=each)
