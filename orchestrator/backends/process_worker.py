"""The far end of the backend `processes`: a warm process that runs segments one after another.

`python -m` this module. It speaks over the socket whose descriptor is its second argument, and ends when the other
end of that closes: when its controller dies, however it dies.
"""

from __future__ import annotations

import faulthandler
import os
import queue
import signal
import sys
import threading
from multiprocessing.connection import Connection
from typing import Any

from orchestrator.backends.alone import run_alone
from orchestrator.backends.protocol import Ended, Message
from orchestrator.backends.run_segment import Asked, load_trial, worker_name
from orchestrator.trial.kinds import FailureKind
from orchestrator.trial.protocol import Failed, SegmentSpec, Trial

__all__ = ["main"]


class _Worker:
    """Segments run in the main thread, as libraries like it; words of the controller are heard in another."""

    def __init__(self, path: str, connection: Connection) -> None:
        self._path, self._connection = path, connection
        self._jobs: queue.SimpleQueue[SegmentSpec] = queue.SimpleQueue()
        self._asked = Asked()
        self._trial: Trial | None = None
        self._running: int | None = None
        threading.Thread(target=self._hear, name="hearing", daemon=True).start()

    def work(self) -> None:
        """Warm up, then run what comes, for ever."""
        why = self._load()
        while True:
            spec = self._jobs.get()
            if self._trial is None:
                failed = Failed(FailureKind.BUG, why, retryable=False)
                self._say(Ended(spec.segment, failed, 0.0, worker_name()))
                continue
            self._running = spec.segment
            run_alone(self._trial, spec, self._say, self._asked.of(spec.segment))
            self._running = None
            self._asked.forget(spec.segment)

    def warn(self) -> None:
        """SIGTERM: the machine is about to go. What runs is saved within its epoch; where nothing runs this ends."""
        if self._running is not None:
            self._asked.stop(self._running, within=True)
        else:
            _end()

    def _say(self, message: Message) -> None:
        try:
            self._connection.send(message)
        except OSError:  # nobody is there any more
            _end()

    def _load(self) -> str:
        """Construct and warm the trial; why that cannot be, or nothing."""
        try:
            self._trial = load_trial(self._path)
            warm = getattr(self._trial, "warm", None)
            if warm is not None:
                warm()
        except Exception as error:  # noqa: BLE001 - every segment reports it
            return f"cannot load the trial {self._path}: {type(error).__name__}: {error}"
        return ""

    def _hear(self) -> None:
        try:
            while True:
                word: Any = self._connection.recv()
                if isinstance(word, SegmentSpec):
                    self._jobs.put(word)
                else:
                    segment, within = word
                    self._asked.stop(segment, within=within)
        except (EOFError, OSError):
            _end()


def _end() -> None:
    """End this process and all that it started: they share a process group."""
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def main(trial: str, descriptor: int) -> None:
    """Be a worker for segments of `trial`, spoken to over the socket `descriptor`."""
    os.set_inheritable(descriptor, False)  # noqa: FBT003 - else a child keeps the socket open after this process
    faulthandler.enable()
    worker = _Worker(trial, Connection(descriptor))
    signal.signal(signal.SIGTERM, lambda *_: worker.warn())
    worker.work()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
