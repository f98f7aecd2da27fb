"""Processes beside the caller's: a detached controller, the MLflow follower, and whether an owner is alive."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import psutil

from orchestrator.control.lease import RECORDING, is_recorder
from orchestrator.store import Lease, Store

__all__ = ["controller_of", "end_with_stdin", "is_dead", "living", "release_if_dead", "spawn"]


def is_dead(owner: str) -> bool:
    """Whether the owner of a lease certainly runs no more: only a process of this host can be known to be dead."""
    host, _, named = owner.removesuffix(RECORDING).rpartition(":")
    pid = named.partition(".")[0]  # whoever records a command names its thread too
    return host == socket.gethostname() and pid.isdigit() and not _alive(int(pid))


def controller_of(store: Store, study: str) -> Lease | None:
    """The lease of the controller that runs the study and lives; None for whoever only records a command."""
    holder = store.holder(study)
    if holder is None or is_recorder(holder.owner) or holder.expires <= store.now() or is_dead(holder.owner):
        return None
    return holder


def living(store: Store, study: str) -> str:
    """The controller that runs the study, as `host:pid`; empty when nobody does."""
    lease = controller_of(store, study)
    return "" if lease is None else lease.owner


def release_if_dead(store: Store, study: str) -> None:
    """Give up the lease of a process of this host that is gone."""
    holder = store.holder(study)
    if holder is not None and is_dead(holder.owner):
        store.release(study, holder.token)


def _alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def end_with_stdin() -> None:
    """From now on this process is asked to end (SIGTERM) when its standard input does: whoever held it is gone."""

    def wait() -> None:
        while os.read(0, 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="end-with-stdin", daemon=True).start()


def spawn(
    module: str,
    arguments: list[str],
    log: Path,
    *,
    nice: int = 0,
    session: bool = True,
    environment: Mapping[str, str] | None = None,
    held: bool = False,
) -> subprocess.Popen[bytes]:
    """Start `python -m module arguments` with its output in `log`; in a session of its own it outlives the caller.

    `environment` is added to the caller's own. `held`: its standard input is a pipe that ends with the caller.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", module, *arguments]
    if nice and os.name == "posix":
        command = ["nice", "-n", str(nice), *command]
    with log.open("ab") as out:
        return subprocess.Popen(  # noqa: S603 - our own module
            command,
            stdin=subprocess.PIPE if held else subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=session,
            env={**os.environ, **(environment or {})},
        )
