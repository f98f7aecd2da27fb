"""`python -m orchestrator.service.daemon.process HOME SETTINGS`: the daemon's process."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import time
from importlib.metadata import version
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from orchestrator.service import logs
from orchestrator.service.daemon import record
from orchestrator.service.daemon.restarts import Restarts
from orchestrator.service.daemon.settings import Settings
from orchestrator.service.daemon.supervisor import Supervisor
from orchestrator.service.daemon.web import Web
from orchestrator.service.errors import Conflict, ReidTuneError
from orchestrator.service.home import Home
from orchestrator.service.service import Service

__all__ = ["main", "run_daemon"]


def run_daemon(home: Home, settings: Settings) -> int:
    """Be the daemon until it is asked to end; the exit code. Raises Conflict when another one is."""
    home.ensure()
    lock = FileLock(record.lock_file(home))
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise Conflict("the service is up already", hint="see `reid-tune status`") from error
    with lock:
        record.end_web(home)
        service = Service(home.root)
        try:
            return _Daemon(service, settings).run()
        finally:
            record.remove(home)
            service.close()


class _Daemon:
    """The supervisor, its pages, its state file and its signals."""

    def __init__(self, service: Service, settings: Settings) -> None:
        self._home = service.home
        self._supervisor = Supervisor(service, settings)
        self._web = Web(self._home, settings) if settings.web else None
        self._unwritten = False
        self._restarts, self._trouble = Restarts(), ""
        self._log = logs.logger("orchestrator.service.daemon.process")  # where this module is `__main__` too
        self._record = record.Record(
            pid=os.getpid(),
            machine=socket.gethostname(),
            host=settings.host,
            port=self._web.port if self._web is not None else 0,
            started=psutil.Process().create_time(),
            version=version("reid-tune"),
            slots=settings.slots,
            ray_address=settings.ray_address,
        )

    def run(self) -> int:
        """Serve; the exit code of a web server that could not be started, or 0. No web server is left behind."""
        record.write(self._home, self._record)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
            signal.signal(number, self._hear)
        try:
            return self._serve()
        finally:
            if self._web is not None:
                self._web.end()

    def _serve(self) -> int:
        code = self._web.wait_until_up() if self._web is not None else 0
        if code:
            self._log.error("the web server does not start: see %s", record.web_log_file(self._home))
            return code
        self._publish(ready=True, web=self._web_pid)
        self._log.info("the service is up", pid=self._record.pid, url=self._record.url, slots=self._record.slots)
        while not self._supervisor.ending:
            self._turn()
            self._supervisor.wait()
        self._log.info("the service goes down")
        self._supervisor.finish()
        self._log.info("the service is down")
        return 0

    def _turn(self) -> None:
        """One turn; a store that fails for a while is waited for."""
        self._look()
        troubles = self._supervisor.troubles | ({"service": self._trouble} if self._trouble else {})
        if self._web is not None:
            self._web.tend()
            troubles |= {"web": self._web.trouble} if self._web.trouble else {}
        self._publish(ready=True, troubles=troubles, web=self._web_pid)

    def _look(self) -> None:
        """The supervisor's turn. A fault of our own is a trouble, and the next turn comes after a pause that grows."""
        now = time.monotonic()
        if not self._restarts.may_start(now):
            return
        try:
            self._supervisor.turn()
        except (ReidTuneError, OSError) as error:
            logs.failed("a turn failed, the next one tries again", error)
        except Exception as error:  # noqa: BLE001 - the controllers run, and somebody has to look after them
            self._restarts.died(0.0, now)
            self._trouble = f"a turn failed, {type(error).__name__}: {error}; see {record.log_file(self._home)}"
            logs.failed("a turn failed, the next one tries again after a pause", error)
        else:
            self._restarts, self._trouble = Restarts(), ""

    @property
    def _web_pid(self) -> int:
        return self._web.pid if self._web is not None else 0

    def _publish(self, **changes: object) -> None:
        """Write the state file when it is to say something new; a disk that is full is tried again every turn."""
        changed = self._record.model_copy(update=changes)
        if changed == self._record:
            return
        try:
            record.write(self._home, changed)
        except OSError as error:
            if not self._unwritten:
                self._log.warning("the state file cannot be written: %s", error)
            self._unwritten = True
        else:
            self._record, self._unwritten = changed, False

    def _hear(self, number: int, _: object) -> None:
        """SIGTERM and Ctrl-C end it once what runs is saved; SIGUSR1, or the second Ctrl-C, now."""
        again = number == signal.SIGINT and self._supervisor.ending
        self._supervisor.end(now=again or number == signal.SIGUSR1)


def main(home: str, settings: str) -> int:
    """Run the daemon with its log in the home folder."""
    place = Home(Path(home))
    logs.configure(file=record.log_file(place))
    try:
        return run_daemon(place, Settings.model_validate_json(settings))
    except ReidTuneError as error:
        logs.failed("the service does not start", error)
        return error.exit_code


if __name__ == "__main__":
    code = main(*sys.argv[1:])
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # somebody waits for `down`: taking a thousand modules apart lasts longer than all that it does
