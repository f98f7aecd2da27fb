"""Ends a process together with everything that it started."""

from __future__ import annotations

import contextlib
import os
import signal
import sys

import psutil

__all__ = ["GRACE_SECONDS", "end_tree"]

GRACE_SECONDS = 2.0
"""How long processes that were asked to end may take before they are killed."""


def end_tree(pid: int, *, group: bool = False, grace: float = GRACE_SECONDS) -> None:
    """End process `pid` and its descendants: ask them (SIGTERM), and kill those that are left after `grace` seconds.

    With `group` the process leads a process group of its own, and what is left of that is killed too: descendants
    whose parents have died are found nowhere else. Does nothing for a process that is gone. Raises ValueError for the
    calling process or one it descends from.
    """
    if pid == os.getpid() or pid in {parent.pid for parent in psutil.Process().parents()}:
        raise ValueError(f"process {pid} is this one or its parent")
    family = _family(pid)
    for process in family:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    _, alive = psutil.wait_procs(family, timeout=grace)
    for process in {*alive, *_family(pid)}:  # those started meanwhile too
        with contextlib.suppress(psutil.Error):
            process.kill()
    if group and sys.platform != "win32":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=grace)


def _family(pid: int) -> list[psutil.Process]:
    """The process and its descendants; empty when it is gone."""
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.Error:
        return []
