"""The processes that the daemon started: controllers, by study."""

from __future__ import annotations

import contextlib
import subprocess
import time
from dataclasses import dataclass, field

import psutil

from orchestrator.service.daemon.settings import Settings
from orchestrator.service.home import Home
from orchestrator.service.processes import spawn

__all__ = ["Child", "Children", "Exit", "kill_tree"]

_KILL_SECONDS = 5.0


@dataclass(slots=True)
class Child:
    """A controller. `took_over`: it has written to its study's log."""

    process: subprocess.Popen[bytes]
    took_over: bool = False
    began: float = field(default_factory=time.monotonic)


@dataclass(frozen=True, slots=True)
class Exit:
    """A controller that is gone: its exit code (negative: the signal) and how many seconds it lived."""

    study: str
    code: int
    lived: float


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
        self._by_study[study] = Child(spawn("orchestrator.service.controller_process", words, log))
        return self._by_study[study].process.pid

    def ended(self) -> list[Exit]:
        """Controllers that have ended since the last call."""
        gone = [(study, child) for study, child in self._by_study.items() if child.process.poll() is not None]
        for study, _ in gone:
            del self._by_study[study]
        now = time.monotonic()
        return [Exit(study, child.process.returncode, now - child.began) for study, child in gone]

    def kill(self) -> None:
        """End every controller now, with everything that it started: its study is left as it is, not paused."""
        for child in self._by_study.values():
            kill_tree(child.process.pid)
            child.process.wait()


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
