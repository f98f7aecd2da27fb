"""The daemon's state file: who the daemon is, where its pages are, and what it could not keep running."""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
from pathlib import Path

import psutil
from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orchestrator.service.home import Home

__all__ = ["Record", "end_web", "forget_dead", "lock_file", "log_file", "read", "remove", "web_log_file", "write"]

_END_SECONDS = 10.0
_SAME_SECONDS = 2.0
"""The start of a process is known to a hundredth of a second, but not by every kernel from the same clock."""


class Record(BaseModel):
    """`daemon.json`, written by the daemon alone. Times are Unix seconds."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    pid: int
    machine: str = Field(description="the host that the daemon runs on")
    host: str = Field(description="the address that its pages listen on")
    port: int = Field(description="0: without pages")
    started: float = Field(description="when its process began; tells it from a later process of the same number")
    version: str
    slots: int
    ray_address: str = Field(default="", description="the Ray cluster of studies that name none; empty: no cluster")
    web: int = Field(default=0, description="the process of its pages; 0: without")
    ready: bool = Field(default=False, description="it starts studies, and its pages answer")
    troubles: dict[str, str] = Field(default_factory=dict, description="study id: why it does not go on")

    @property
    def url(self) -> str:
        """The address of the pages; empty without them."""
        shown = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{shown}:{self.port}" if self.port else ""

    @property
    def alive(self) -> bool:
        """Whether the daemon runs. That of another machine is taken to be alive: nobody here can know."""
        if self.machine != socket.gethostname():
            return True
        try:
            process = psutil.Process(self.pid)
            return (
                process.status() != psutil.STATUS_ZOMBIE and abs(process.create_time() - self.started) < _SAME_SECONDS
            )
        except psutil.NoSuchProcess:
            return False

    @property
    def left_web(self) -> psutil.Process | None:
        """The web server that a dead daemon left here; None when it ended too, as it should."""
        if not self.web or self.alive:
            return None
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(self.web)
            words = process.cmdline()
            if "serve" in words and str(self.port) in words and process.create_time() >= self.started:
                return process
        return None


def _file(home: Home) -> Path:
    return home.root / "daemon.json"


def lock_file(home: Home) -> Path:
    """Held by the daemon as long as it lives: of two started at once, one wins."""
    return home.root / "daemon.lock"


def log_file(home: Home) -> Path:
    """What the daemon says."""
    return home.root / "daemon.log"


def web_log_file(home: Home) -> Path:
    """What its web server says."""
    return home.root / "web.log"


def read(home: Home, *, dead: bool = False) -> Record | None:
    """The living daemon's record, with `dead` also that of a dead one; None where there is none or it is torn."""
    try:
        record = Record.model_validate_json(_file(home).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValidationError):
        return None
    return record if dead or record.alive else None


def write(home: Home, record: Record) -> None:
    """Replace the file in one step: a reader sees the old record or the new one."""
    handle, name = tempfile.mkstemp(dir=home.root, prefix=".daemon-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(record.model_dump_json(indent=2))
        Path(name).replace(_file(home))
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def end_web(home: Home) -> None:
    """End the web server of a daemon that was killed: it would keep the port."""
    found = read(home, dead=True)
    left = found.left_web if found is not None else None
    if left is not None:
        with contextlib.suppress(psutil.Error):
            left.kill()
            left.wait(_END_SECONDS)


def forget_dead(home: Home) -> Record | None:
    """The record of a daemon that was killed, which is removed, its web server ended; None where there is none.

    Nothing is done while somebody is about to be the daemon.
    """
    with contextlib.suppress(Timeout), FileLock(lock_file(home)).acquire(timeout=0):
        found = read(home, dead=True)
        if found is not None and not found.alive:
            end_web(home)
            remove(home)
            return found
    return None


def remove(home: Home) -> None:
    """Forget the daemon."""
    _file(home).unlink(missing_ok=True)
