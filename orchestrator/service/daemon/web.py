"""The daemon's web server: a process beside it, started again when it dies."""

from __future__ import annotations

import os
import socket
import subprocess
import time

from orchestrator.service.daemon.record import web_log_file
from orchestrator.service.daemon.restarts import Restarts
from orchestrator.service.daemon.settings import TOKEN, Settings
from orchestrator.service.home import Home
from orchestrator.service.logs import logger
from orchestrator.service.processes import spawn

__all__ = ["Web"]

_END_SECONDS = 10.0


class Web:
    """`reid-tune serve` on one address. `trouble` says why it is not up, once nobody tries any more."""

    def __init__(self, home: Home, settings: Settings) -> None:
        self._home, self._host = home, settings.host
        self._token = os.environ.pop(TOKEN, "")  # trials run others' code: nobody but the server needs it
        self._options = ["--login"] * settings.login + ["--behind-proxy"] * settings.behind_proxy
        for root in settings.data_roots:
            self._options += ["--data-root", root]
        self.port = settings.port or _free_port(settings.host)
        self.trouble = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._began = 0.0
        self._restarts = Restarts()
        self._log = logger(__name__)

    @property
    def pid(self) -> int:
        """Its process; 0 while there is none."""
        return self._process.pid if self._process is not None else 0

    def tend(self) -> None:
        """Start it when it does not run, unless it dies all the time."""
        now = time.monotonic()
        if self._process is not None:
            code = self._process.poll()
            if code is None:
                return
            self._process = None
            again = self._restarts.died(now - self._began, now)
            self._log.warning("the web server ended with %s", code, again=again)
            if not again:
                self.trouble = f"the web server died {self._restarts.quick} times: see {web_log_file(self._home)}"
        if not self.trouble and self._restarts.may_start(now):
            self._start()

    def answers(self) -> bool:
        """Whether somebody listens on its port."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._host, self._host)  # noqa: S104 - compared, not bound
        try:
            with socket.create_connection((host, self.port), timeout=1.0):
                return True
        except OSError:
            return False

    def wait_until_up(self, seconds: float = 60.0) -> int:
        """0 once it answers; the exit code of a server that ended instead, after it said why in its log."""
        deadline = time.monotonic() + seconds
        taken = self.answers()  # by somebody else: ours will say so and end
        self._start()
        while self._process is not None and time.monotonic() < deadline:
            code = self._process.poll()
            if code is not None:
                return code or 1
            if not taken and self.answers():
                return 0
            time.sleep(0.1)
        return 4

    def end(self) -> None:
        """Ask it to stop, and kill it when it does not."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _start(self) -> None:
        words = ["serve", "--beside", "--host", self._host, "--port", str(self.port), *self._options]
        told = {"REID_TUNE_HOME": str(self._home.root), **({TOKEN: self._token} if self._token else {})}
        self._began = time.monotonic()
        try:
            self._process = spawn("orchestrator.cli", words, web_log_file(self._home), environment=told, held=True)
        except OSError as error:
            self._restarts.failed(self._began)
            self._log.warning("the web server cannot be started: %s", error)


def _free_port(host: str) -> int:
    """A port that nobody listens on now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
