"""The far end of the Ray backend: an actor that runs segments one after another in a warm process."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.backends.alone import run_alone
from orchestrator.backends.memory import data_held
from orchestrator.backends.protocol import Ended, Message, Sink
from orchestrator.backends.ray_versions import versions
from orchestrator.backends.run_segment import Asked, Asking, load_trial, worker_name
from orchestrator.backends.tree import end_tree
from orchestrator.trial.protocol import SegmentSpec

__all__ = ["NOTICE", "SegmentWorker", "Warm", "end_process", "node_name"]


NOTICE = "REID_TUNE_NOTICE"
"""Environment of a node: a file that appears when the node is about to be taken away, as a cloud's agent makes it."""
_LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Warm:
    """A worker that is ready: its `host:pid`, Ray's identity of its node, and its software."""

    worker: str
    node: str
    pid: int
    versions: dict[str, str]

    @property
    def host(self) -> str:
        """The node's name."""
        return node_name(self.worker)


class SegmentWorker:
    """Wrapped by `ray.remote` with several threads, so that `stop` is heard while `run` streams and `notice` waits.

    The segment pauses within its epoch when this is warned that the machine is about to be taken away: by a SIGTERM, by
    `leave`, or by a file that appears where NOTICE says.
    """

    def __init__(self, trial: str) -> None:
        self._beside = data_held()  # Ray's own share: its threads have large stacks
        self._trial = load_trial(trial)
        self._asked = Asked()
        self._warned = threading.Event()
        self._jobs: queue.SimpleQueue[tuple[SegmentSpec, Sink]] = queue.SimpleQueue()
        self._node_goes = False
        _on_sigterm(self._warned.set)
        if os.environ.get(NOTICE):
            threading.Thread(target=self._watch, args=(Path(os.environ[NOTICE]),), name="notice", daemon=True).start()
        # One thread for all segments: glibc gives each new thread memory of its own, and keeps it when it ends.
        threading.Thread(target=self._work, name="segments", daemon=True).start()

    def ready(self) -> Warm:
        """Answers when the process is warm (imports done)."""
        import ray  # noqa: PLC0415 - this process runs in Ray already

        warm = getattr(self._trial, "warm", None)
        if warm is not None:
            warm()
        return Warm(worker_name(), ray.get_runtime_context().get_node_id(), os.getpid(), versions())

    def spread(self, hosts: list[Any]) -> None:
        """Let the trial start its other processes through these actors (see orchestrator.backends.ray_ranks)."""
        from orchestrator.backends.ray_ranks import places  # noqa: PLC0415 - only where a trial takes several nodes

        spread = getattr(self._trial, "spread", None)
        if spread is not None:
            spread(places(hosts))

    def run(self, spec: SegmentSpec) -> Iterator[Message]:
        """Run the segment in the worker's thread and stream its messages; the last is `Ended`."""
        box: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._jobs.put((spec, box.put))
        while True:
            message = box.get()
            yield message
            if isinstance(message, Ended):
                break
        self._asked.forget(spec.segment)

    def stop(self, segment: int, *, within: bool) -> None:
        """Ask the segment to pause after its epoch, or `within` it."""
        self._asked.stop(segment, within=within)

    def leave(self) -> None:
        """Ask whatever runs here to pause within its epoch: the node is about to go."""
        self._warned.set()

    def notice(self) -> bool:
        """Answers when this process was warned that it will be ended; never, mostly. Whether its whole node goes."""
        self._warned.wait()
        return self._node_goes

    def _watch(self, file: Path) -> None:
        while not file.exists():
            time.sleep(_LOOK_SECONDS)
        self._node_goes = True
        self._warned.set()

    def _work(self) -> None:
        while True:
            spec, sink = self._jobs.get()
            run_alone(self._trial, spec, sink, self._asking(spec.segment), beside=self._beside)

    def _asking(self, segment: int) -> Asking:
        asked, warned = self._asked.of(segment), self._warned.is_set
        return Asking(lambda: warned() or asked.stop(), lambda: warned() or asked.leave())


def node_name(worker: str) -> str:
    """The node in a worker's `host:pid`."""
    return worker.rpartition(":")[0]


def end_process(pid: int) -> None:
    """End a process and its descendants on the node that this runs on."""
    with contextlib.suppress(ValueError):  # it took this one's parent's place: it is gone
        end_tree(pid, grace=0.0)


def _on_sigterm(warned: Any) -> None:
    """Call `warned` when SIGTERM comes.

    The main thread of an actor waits in Ray's own code and runs no Python handler; the wakeup descriptor is written
    all the same, and a thread reads it.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    ours, theirs = socket.socketpair()
    theirs.settimeout(0.0)
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)

    def listen() -> None:
        while byte := ours.recv(1):
            if byte[0] == signal.SIGTERM:
                warned()

    _KEPT.append(theirs)
    threading.Thread(target=listen, name="warning", daemon=True).start()


_KEPT: list[socket.socket] = []  # an open descriptor for as long as the process lives
