"""Python, packages, cores, memory, limits of the operating system, GPUs and their driver."""

from __future__ import annotations

import importlib.metadata
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil

from orchestrator.service.doctor.check import GIB, Check, fails, fine, warns
from orchestrator.service.gpus import ask_driver, driver_program
from orchestrator.service.machine import CGROUP, cores, cpu_quota, gpu_count

__all__ = ["gpus", "limits", "memory", "packages", "processors", "python"]

PACKAGES = ("torch", "ray", "mlflow", "optuna", "faiss-cpu", "fastapi", "pydantic", "sqlalchemy")
_BEFORE = "total_inactive_file"  # its name in control groups of version 1
_FEW_FILES = 1024
_LEAST_MEMORY = GIB


def python() -> Check:
    """The version."""
    found = sys.version.split()[0]
    return fine("python", found) if sys.version_info >= (3, 11) else fails("python", found, "install 3.11 or newer")


def packages() -> Iterator[Check]:
    """What studies need."""
    for name in PACKAGES:
        try:
            yield fine(name, importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield fails(name, "not installed", f"pip install {name}")


def processors() -> Check:
    """Cores that this process may use, and the quota that they come from."""
    seen, quota = cores(), cpu_quota()
    limit = f" (the container's quota is {quota:g})" if quota is not None else ""
    text = f"{seen} core{'s' * (seen != 1)}{limit}, {gpu_count() or 'no'} GPU{'s' * (gpu_count() != 1)}"
    if quota is not None and quota < 1:
        return warns("machine", text, "give the container a whole core: less halts every computation in turns")
    return fine("machine", text)


def memory() -> Check:
    """Main memory, and the limit of a container."""
    found = psutil.virtual_memory()
    limit, used = (
        _cgroup("memory.max", "memory/memory.limit_in_bytes"),
        _cgroup("memory.current", "memory/memory.usage_in_bytes"),
    )
    total, free = found.total, found.available
    text = ""
    if limit is not None and limit < total:
        taken = max(0, (used or 0) - _reclaimable())
        total, free, text = limit, min(free, limit - taken), " (limit of the container)"
    told = f"{free / GIB:.1f} of {total / GIB:.1f} GiB available{text}"
    if free < _LEAST_MEMORY:
        return warns("memory", told, "end other programs, or raise the limit: a trial takes a GiB or more")
    return fine("memory", told)


def limits() -> Check:
    """Open files: Ray and the pages keep many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < _FEW_FILES and soft != resource.RLIM_INFINITY:
        return warns("open files", f"at most {soft}", f"raise it: ulimit -n {min(max(hard, soft), 65536)}")
    return fine("open files", "no limit" if soft == resource.RLIM_INFINITY else f"at most {soft}")


def gpus() -> Iterator[Check]:
    """GPUs, the driver, and whether torch was built for them."""
    count, driver = gpu_count(), _driver()
    program = driver_program()
    if not count and not driver and program is None:
        yield fine("gpu", "none: trials run on the CPU")
        return
    if not driver and program is None:
        yield warns(
            "gpu driver", "the driver of the devices is not loaded", "install it, or start the container with it"
        )
    if program is not None:
        yield _asked(program)
    elif driver:
        yield fine("gpu driver", driver)
    if count and importlib.metadata.version("torch").endswith("+cpu"):
        yield fails("gpu", "torch was built without CUDA", "install torch from its CUDA index")


def _asked(program: str) -> Check:
    try:
        found = ask_driver(program)
    except (OSError, subprocess.TimeoutExpired):
        return fails("gpu driver", "nvidia-smi does not answer", "restart the machine: a GPU may have failed")
    except subprocess.CalledProcessError as error:
        said = (error.stdout + error.stderr).strip().splitlines() or ["no reason given"]
        return fails("gpu driver", said[0], "reinstall or reload the driver, or restart the machine")
    each = "; ".join(f"{one.name}, {one.used} of {one.total} MiB used" for one in found)
    return fine("gpu driver", f"{found[0].driver}: {each}" if found else "no GPU")


def _driver() -> str:
    try:
        text = Path("/proc/driver/nvidia/version").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    found = re.search(r"\d+\.\d+(\.\d+)?", text)
    return found[0] if found else text.splitlines()[0]


def _cgroup(now: str, before: str) -> int | None:
    """A number of bytes of this container (control groups of version 2, or 1); None without one."""
    for path in (CGROUP / now, CGROUP / before):
        try:
            text = path.read_text(encoding="ascii").strip()
        except OSError:
            continue
        if text.isdigit():
            return int(text)
    return None


def _reclaimable() -> int:
    """Bytes of files that the container's memory holds and gives back when somebody needs room."""
    for path, name in ((CGROUP / "memory.stat", "inactive_file"), (CGROUP / "memory/memory.stat", _BEFORE)):
        try:
            rows = dict(line.split() for line in path.read_text(encoding="ascii").splitlines())
        except (OSError, ValueError):
            continue
        return int(rows.get(name, 0))
    return 0
