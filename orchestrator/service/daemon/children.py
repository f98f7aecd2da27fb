"""The processes that the daemon started: controllers, by study."""

from __future__ import annotations

import contextlib
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from orchestrator.service.daemon.settings import Settings
from orchestrator.service.home import Home
from orchestrator.service.processes import spawn

__all__ = ["Child", "Children", "Exit", "kill_tree"]

_KILL_SECONDS = 5.0
_LAST_BYTES = 10_000


@dataclass(slots=True)
class Child:
    """A controller. `took_over`: it runs its study. `deaf_at`: when it is killed, asked to end before it took over."""

    process: subprocess.Popen[bytes]
    took_over: bool = False
    began: float = field(default_factory=time.monotonic)
    log: Path | None = None
    log_size: int = 0
    deaf_at: float | None = None


@dataclass(frozen=True, slots=True)
class Exit:
    """A controller that is gone: its exit code (negative: the signal) and how many seconds it lived.

    `asked`: to end, before it had taken its study over. `said`: the message of its last error.
    """

    study: str
    code: int
    lived: float
    pid: int
    asked: bool
    said: str


class Children:
    """Controllers of their own sessions: they outlive a daemon that is killed, and the next one finds them."""

    def __init__(self, home: Home, settings: Settings) -> None:
        self._home, self._settings = home, settings
        self._by_study: dict[str, Child] = {}

    def __contains__(self, study: str) -> bool:
        return study in self._by_study

    def __len__(self) -> int:
        return len(self._by_study)

    def get(self, study: str) -> Child | None:
        """The living controller of a study."""
        return self._by_study.get(study)

    def start(self, study: str) -> int:
        """Start a controller; its process id."""
        words = [str(self._home.root), study, "--shared", "--backend", self._settings.backend]
        if self._settings.ray_address:
            words += ["--ray-address", self._settings.ray_address]
        if not self._settings.mlflow:
            words.append("--no-mlflow")
        log = self._home.study(study) / "controller.log"
        size = log.stat().st_size if log.exists() else 0
        process = spawn("orchestrator.service.controller_process", words, log)
        self._by_study[study] = Child(process, log=log, log_size=size)
        return process.pid

    def ended(self) -> list[Exit]:
        """Controllers that have ended since the last call."""
        gone = [(study, child) for study, child in self._by_study.items() if child.process.poll() is not None]
        for study, _ in gone:
            del self._by_study[study]
        now = time.monotonic()
        return [
            Exit(
                study,
                child.process.returncode,
                now - child.began,
                pid=child.process.pid,
                asked=child.deaf_at is not None,
                said=_said(child),
            )
            for study, child in gone
        ]

    def ask_to_end(self, study: str) -> None:
        """SIGTERM to a controller that has not taken its study over and has nothing to save. May be asked twice."""
        child = self._by_study[study]
        if child.deaf_at is None:
            child.deaf_at = time.monotonic() + _KILL_SECONDS
            child.process.terminate()

    def deaf(self) -> list[str]:
        """Studies whose controller has not ended for seconds since it was asked to: Ray may keep it from hearing."""
        now = time.monotonic()
        return [study for study, child in self._by_study.items() if child.deaf_at is not None and child.deaf_at <= now]

    def kill_one(self, study: str) -> None:
        """End the controller of a study now, with everything that it started."""
        child = self._by_study[study]
        kill_tree(child.process.pid)
        child.process.wait()

    def kill(self) -> None:
        """End every controller now, with everything that it started: its study is left as it is, not paused."""
        for study in self._by_study:
            self.kill_one(study)


def _said(child: Child) -> str:
    """The error that a controller ended with: the last line of its log, or the last hint with what is above it."""
    try:
        if child.log is None:
            return ""
        with child.log.open("rb") as text:
            text.seek(max(child.log_size, child.log.stat().st_size - _LAST_BYTES))
            lines = text.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    told = [line.strip() for line in lines if line.strip()]
    hints = [place for place, line in enumerate(told) if place and line.startswith("hint: ")]
    if not hints:
        return (told or [""])[-1]
    return f"{told[hints[-1] - 1]}; {told[hints[-1]].removeprefix('hint: ')}"


def kill_tree(pid: int) -> None:
    """Kill a controller of this machine, before it can write another word, and then everything that it started."""
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        family = root.children(recursive=True)
        root.kill()
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(family, timeout=_KILL_SECONDS)
