"""Processes beside the caller's: a detached controller, the MLflow follower, and whether an owner is alive."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import psutil

from orchestrator.store import Store

__all__ = ["is_dead", "living", "spawn"]


def is_dead(owner: str) -> bool:
    """Whether `host:pid` certainly runs no more: only a process of this host can be known to be dead."""
    host, _, pid = owner.rpartition(":")
    return host == socket.gethostname() and pid.isdigit() and not _alive(int(pid))


def living(store: Store, study: str) -> str:
    """Who holds the study's lease and lives, as `host:pid`; empty when nobody does."""
    holder = store.holder(study)
    return holder.owner if holder is not None and holder.expires > store.now() and not is_dead(holder.owner) else ""


def _alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def spawn(
    module: str,
    arguments: list[str],
    log: Path,
    *,
    nice: int = 0,
    session: bool = True,
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start `python -m module arguments` with its output in `log`; in a session of its own it outlives the caller.

    `environment` is added to the caller's own.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", module, *arguments]
    if nice and os.name == "posix":
        command = ["nice", "-n", str(nice), *command]
    with log.open("ab") as out:
        return subprocess.Popen(  # noqa: S603 - our own module
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=session,
            env={**os.environ, **(environment or {})},
        )
