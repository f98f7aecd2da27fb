"""The other processes of a training: how one is started here, and what any starter of them gives back.

A process may run on another machine: what starts it there is not known here (see `Place`).
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

import psutil

__all__ = [
    "HERE",
    "Elsewhere",
    "Place",
    "RankProcess",
    "address_towards",
    "ignore_stops",
    "over_interface",
    "start_here",
]

_STOPS = (signal.SIGINT, signal.SIGTERM)
_END_SECONDS = 30.0
_MODULE = "reid_core.engine.together"


class RankProcess(Protocol):
    """A process that trains along, seen from the leader."""

    def code(self, patience: float) -> int | None:
        """Its exit code, once it ended, now or within `patience` seconds; else None. Negative: that signal ended it."""

    def words(self) -> str:
        """What it printed."""

    def end(self) -> None:
        """End it and wait until it has ended."""


class Place(Protocol):
    """A machine where processes of a training run."""

    def start(self, task: str) -> RankProcess:
        """Start a process with this part, as `start_here` does there. Raises RuntimeError when the machine is gone."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Machines beside this one, which they reach as `host`."""

    host: str
    places: Sequence[Place]


HERE = Elsewhere("127.0.0.1", ())
"""No other machine."""


class _Local:
    """A process on this machine. It watches its standard input, which closes when this one dies, however it dies."""

    def __init__(self, task: str) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="reid-together-")
        self._words = Path(self._folder.name) / "words.txt"
        with self._words.open("wb") as words, _held():
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter and our module
                [sys.executable, "-m", _MODULE],
                stdin=subprocess.PIPE,
                stdout=words,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            )
        self._pipe.write(task.encode() + b"\n")
        self._pipe.flush()

    @property
    def _pipe(self) -> IO[bytes]:
        if self._process.stdin is None:
            raise RuntimeError("the process was started without a pipe")
        return self._process.stdin

    def code(self, patience: float) -> int | None:
        try:
            return self._process.wait(patience)
        except subprocess.TimeoutExpired:
            return None

    def words(self) -> str:
        return self._words.read_text(errors="replace")

    def end(self) -> None:
        self._pipe.close()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()


@contextmanager
def _held() -> Iterator[None]:
    """Ctrl-C and SIGTERM wait, in what starts in here, until it calls `ignore_stops`."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def ignore_stops() -> None:
    """Ignore Ctrl-C and SIGTERM, also those of the first second: the leader decides when to stop."""
    for number in _STOPS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)


def start_here(task: str) -> RankProcess:
    """Start a process on this machine with its part, one line of JSON. Raises OSError when that is not possible."""
    return _Local(task)


def address_towards(host: str, port: int) -> str:
    """The address of this machine that a connection to `host` comes from."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((host, port))  # of datagrams: nothing is sent
        return str(probe.getsockname()[0])


@contextmanager
def over_interface(address: str) -> Iterator[None]:
    """Gloo talks over the interface with this address in here.

    It asks for the host's own name otherwise, which not every container can resolve, and which may stand for an address
    that other machines do not reach.
    """
    name = "GLOO_SOCKET_IFNAME"
    found = next((one for one, has in psutil.net_if_addrs().items() if address in {it.address for it in has}), None)
    if name in os.environ or found is None:
        yield
        return
    os.environ[name] = found
    try:
        yield
    finally:
        del os.environ[name]
