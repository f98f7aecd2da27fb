"""Ends a process together with everything that it started."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

import psutil

__all__ = ["GRACE_SECONDS", "end_tree", "family"]

GRACE_SECONDS = 2.0
"""How long processes that were asked to end may take before they are killed."""
_LOOK_SECONDS = 0.01


def end_tree(pid: int, *, group: bool = False, grace: float = GRACE_SECONDS) -> None:
    """End process `pid` and its descendants: ask them (SIGTERM), and kill those that are left after `grace` seconds.

    With `group` the process leads a process group of its own, and what is left of that is killed too: descendants
    whose parents have died are found nowhere else. Does nothing for a process that is gone. Raises ValueError for the
    calling process or one it descends from.
    """
    if pid == os.getpid() or pid in {parent.pid for parent in psutil.Process().parents()}:
        raise ValueError(f"process {pid} is this one or its parent")
    found = _processes(pid)
    for process in found:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    _, alive = psutil.wait_procs(found, timeout=grace)
    alive = [*{*alive, *_processes(pid)}]  # those started meanwhile too
    for process in alive:
        with contextlib.suppress(psutil.Error):
            process.kill()
    if group and sys.platform != "win32":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
    _until_dead(alive)


def family(pid: int) -> list[int]:
    """The process and its descendants; empty when it is gone.

    Linux tells children directly; elsewhere all processes are looked through.
    """
    if not Path(f"/proc/{pid}/task/{pid}/children").exists():
        with contextlib.suppress(psutil.Error):
            return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
        return []
    found = [pid]
    for one in found:
        with contextlib.suppress(OSError):
            for children in Path(f"/proc/{one}/task").glob("*/children"):
                found += [int(child) for child in children.read_text().split()]
    return found


def _until_dead(killed: list[psutil.Process]) -> None:
    """Wait, for a moment at most, until none of them runs; their parents may take their time to collect them."""
    end = time.monotonic() + GRACE_SECONDS
    while any(_runs(process) for process in killed) and time.monotonic() < end:
        time.sleep(_LOOK_SECONDS)


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _processes(pid: int) -> list[psutil.Process]:
    found = []
    for one in family(pid):
        with contextlib.suppress(psutil.Error):
            found.append(psutil.Process(one))
    return found
