"""Bringing the service up and down from another process. Both may be asked for twice: nothing happens then."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

import psutil

from orchestrator.service.daemon import record
from orchestrator.service.daemon.record import Record
from orchestrator.service.daemon.settings import TOKEN, Settings
from orchestrator.service.errors import Conflict, ReidTuneError, UsageError
from orchestrator.service.home import Home
from orchestrator.service.processes import spawn

__all__ = ["down", "up"]

_START_SECONDS = 90.0
_POLL_SECONDS = 0.05


class _DoesNotStart(ReidTuneError):
    """The daemon ended before it was up."""


def up(home: Home, settings: Settings, token: str = "") -> tuple[Record, bool]:
    """The living daemon, started when there is none, and whether it was started now.

    Of two calls at once one starts it, and both return it. Raises UsageError or Conflict for an address that cannot be
    listened on, ReidTuneError with the end of the log when it does not start otherwise.
    """
    home.ensure()
    found = record.read(home)
    if found is not None and found.ready:
        return found, False
    logs = {path: _size(path) for path in (record.log_file(home), record.web_log_file(home))}
    told = {TOKEN: token} if token else {}
    words = [str(home.root), settings.model_dump_json()]
    process = spawn("orchestrator.service.daemon.process", words, record.log_file(home), environment=told)
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        found = record.read(home)
        if found is not None and found.ready:
            if found.pid != process.pid:  # a loser that is slow must not take over when the winner goes down
                process.kill()
                process.wait()
            return found, found.pid == process.pid
        if process.poll() is not None and found is None:
            raise _failure(process.returncode, logs)
        time.sleep(_POLL_SECONDS)
    raise _failure(1, logs)


def down(home: Home, *, now: bool = False) -> Record | None:
    """End the daemon and wait until it is gone; the record that it had, None when there was none.

    Controllers save what runs first, or are ended `now`. Raises Conflict for one on another machine.
    """
    found = record.read(home)
    if found is None:
        return None
    if found.machine != os.uname().nodename:
        hint = f"run `reid-tune down` there; if that machine is gone, delete {home.root / 'daemon.json'}"
        raise Conflict(f"the service runs on {found.machine}", hint=hint)
    with contextlib.suppress(ProcessLookupError):
        os.kill(found.pid, signal.SIGUSR1 if now else signal.SIGTERM)
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(found.pid)
        while found.alive and process.is_running():
            time.sleep(_POLL_SECONDS)
    return found


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _failure(code: int, logs: dict[Path, int]) -> ReidTuneError:
    """What the logs say since they had these sizes, as the error that ended the daemon."""
    lines: list[str] = []
    for path, size in logs.items():
        if path.exists():
            with path.open("rb") as text:
                text.seek(size)
                lines += text.read().decode(errors="replace").splitlines()[-5:]
    kinds: dict[int, type[ReidTuneError]] = {2: UsageError, 6: Conflict}
    return kinds.get(code, _DoesNotStart)("the service does not start:\n  " + "\n  ".join(lines))
