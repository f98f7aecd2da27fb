"""Processes beside the caller's: a detached controller, the MLflow follower, and whether an owner is alive."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import psutil

__all__ = ["is_dead", "spawn"]


def is_dead(owner: str) -> bool:
    """Whether `host:pid` certainly runs no more: only a process of this host can be known to be dead."""
    host, _, pid = owner.rpartition(":")
    return host == socket.gethostname() and pid.isdigit() and not _alive(int(pid))


def _alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def spawn(
    module: str, arguments: list[str], log: Path, *, nice: int = 0, session: bool = True
) -> subprocess.Popen[bytes]:
    """Start `python -m module arguments` with its output in `log`; in a session of its own it outlives the caller."""
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", module, *arguments]
    if nice and os.name == "posix":
        command = ["nice", "-n", str(nice), *command]
    with log.open("ab") as out:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=session)  # noqa: S603 - our own module
