"""Segments in warm worker processes of this machine, one a slot: side by side without Ray."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import IO

from orchestrator.backends.memory import oom_kills
from orchestrator.backends.protocol import Beat, Ended, Message, Sink
from orchestrator.backends.run_segment import REID_TRIAL
from orchestrator.backends.tree import end_tree
from orchestrator.backends.wear import MAX_SEGMENTS_PER_PROCESS, spoilt
from orchestrator.trial.kinds import FailureKind
from orchestrator.trial.protocol import Failed, Resources, SegmentSpec

__all__ = ["ProcessBackend", "gpus_of_slots"]


@dataclass(slots=True)
class _Worker:
    """A process, and the segment that it runs."""

    process: subprocess.Popen[bytes]
    connection: Connection
    words: IO[bytes]
    spec: SegmentSpec | None = None
    started: float = 0.0
    segments: int = 0
    oom_kills: int | None = None
    silent: bool = False

    def said(self) -> Message | None:
        """The next message, None when there is none now; then `silent` tells whether none will come any more."""
        try:
            if self.connection.poll():
                message: Message = self.connection.recv()
                return message
            self.silent = self.dead() and not self.connection.poll()
        except (EOFError, OSError):
            self.silent = True
        return None

    def end(self) -> None:
        """End it with all that it started, and let nothing of it stay."""
        if not self.dead():
            end_tree(self.process.pid, group=True)
        if self.process.returncode is None:
            _kill_group(self.process.pid)
        self.process.wait()
        self.connection.close()
        self.words.close()

    def last_words(self) -> str:
        """The last line that the process wrote when it ran no segment; empty when it wrote none."""
        self.words.seek(0)
        lines = self.words.read().decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def dead(self) -> bool:
        """Whether its process has ended. It is not collected yet: until then its number means nobody else."""
        if self.process.returncode is not None or not hasattr(os, "waitid"):
            return self.process.poll() is not None
        try:
            return os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:
            return self.process.poll() is not None


class ProcessBackend:
    """`slots` processes with `resources` each. Not thread-safe: the controller's loop drives it.

    Each leads a process group of its own, so that Ctrl-C is the controller's alone and nothing outlives its leader.
    """

    def __init__(self, slots: int, resources: Resources, *, trial: str = REID_TRIAL) -> None:
        self.slots = slots
        self._resources, self._trial = resources, trial
        self._gpus = gpus_of_slots(slots, resources.gpus, _visible_gpus())
        self._waiting: deque[Message] = deque()
        self._workers = [self._worker(slot) for slot in range(slots)]

    def start(self, spec: SegmentSpec) -> None:
        """Hand the segment to a free worker; one that died in its sleep is replaced first."""
        slot = next((slot for slot, worker in enumerate(self._workers) if worker.spec is None), None)
        if slot is None:
            raise RuntimeError(f"no free slot for segment {spec.segment}")
        if self._workers[slot].dead():
            self._replace(slot)
        worker = self._workers[slot]
        worker.spec, worker.started, worker.oom_kills = spec, time.monotonic(), oom_kills()
        worker.segments += 1
        self._send(worker, spec)
        self._waiting.append(Beat(spec.segment))  # its time runs, even if the process should hang in its first import

    def pump(self, sink: Sink, timeout: float) -> None:
        """Deliver what the workers said; dead ones become `Failed(lost)` and are replaced."""
        if self._waiting:
            timeout = 0.0
        busy = {worker.connection: slot for slot, worker in enumerate(self._workers) if worker.spec is not None}
        if not busy:
            time.sleep(timeout)
        told: Sequence[object] = wait(list(busy), timeout) if busy else ()
        while self._waiting:
            sink(self._waiting.popleft())
        for connection, slot in busy.items():
            worker = self._workers[slot]
            if connection in told and worker.connection is connection:
                self._deliver(slot, sink)
            elif worker.connection is connection and worker.spec is not None and worker.dead():
                self._deliver(slot, sink)  # a child of it may hold its socket open

    def stop(self, segment: int, *, within: bool = False) -> None:
        """Ask the segment to pause after its epoch, or `within` it."""
        for worker in self._workers:
            if worker.spec is not None and worker.spec.segment == segment:
                self._send(worker, (segment, within))

    def end(self, segment: int, outcome: Failed) -> None:
        """End the segment's worker and all that it started; `outcome` comes with the next `pump`."""
        for slot, worker in enumerate(self._workers):
            if worker.spec is not None and worker.spec.segment == segment:
                self._over(slot, outcome)

    def avoid(self, node: str) -> None:
        """Nothing: this machine is the only one."""

    def close(self) -> None:
        """End every worker with all that it started."""
        workers, self._workers = self._workers, []
        for worker in workers:
            worker.end()

    def workers(self) -> list[int]:
        """The process ids, by slot."""
        return [worker.process.pid for worker in self._workers]

    def _deliver(self, slot: int, sink: Sink) -> None:
        """Everything that this worker has said, to the end of its segment."""
        worker = self._workers[slot]
        while worker.spec is not None:
            message = worker.said()
            if message is None and not worker.silent:
                return
            if message is None:
                self._over(slot, self._how_it_died(worker))
                while self._waiting:
                    sink(self._waiting.popleft())
                return
            if isinstance(message, Ended):
                worker.spec = None
                if worker.segments >= MAX_SEGMENTS_PER_PROCESS or spoilt(message.outcome):
                    self._replace(slot)
            sink(message)
            if not self._workers or self._workers[slot] is not worker:
                return

    def _over(self, slot: int, outcome: Failed) -> None:
        """Replace the worker; its segment ended so."""
        worker = self._workers[slot]
        spec, seconds = worker.spec, time.monotonic() - worker.started
        worker.spec = None
        self._replace(slot)
        if spec is not None:
            self._waiting.append(Ended(spec.segment, outcome, seconds, f"{socket.gethostname()}:{worker.process.pid}"))

    def _how_it_died(self, worker: _Worker) -> Failed:
        """Lost; or short of memory when the kernel killed something for that, and this by the same signal."""
        _kill_group(worker.process.pid)
        code = worker.process.wait()
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        now = oom_kills()
        if code == -signal.SIGKILL and worker.oom_kills is not None and now is not None and now > worker.oom_kills:
            message = "the kernel killed the worker process: the machine or its control group is out of memory"
            return Failed(FailureKind.OUT_OF_MEMORY, message, retryable=True)
        words = worker.last_words()
        told = f"the worker process {how}" + (f": {words}" if words else "")
        return Failed(FailureKind.LOST, told, retryable=True)

    def _send(self, worker: _Worker, word: SegmentSpec | tuple[int, bool]) -> None:
        with contextlib.suppress(OSError):  # it died just now, which `pump` will notice
            worker.connection.send(word)

    def _replace(self, slot: int) -> None:
        self._workers[slot].end()
        self._workers[slot] = self._worker(slot)

    def _worker(self, slot: int) -> _Worker:
        ours, theirs = Pipe()
        words = tempfile.TemporaryFile()  # noqa: SIM115 - the worker closes it
        threads = str(self._resources.cpus)
        own = {
            "OMP_NUM_THREADS": threads,
            "MKL_NUM_THREADS": threads,
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        }
        if self._gpus[slot] is not None:
            own["CUDA_VISIBLE_DEVICES"] = str(self._gpus[slot])
        with theirs:
            process = subprocess.Popen(  # noqa: S603 - this interpreter and a module of ours
                [sys.executable, "-m", "orchestrator.backends.process_worker", self._trial, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=words,
                env={**os.environ, **own},
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        return _Worker(process, ours, words)


def gpus_of_slots(slots: int, gpus: float, visible: Sequence[str]) -> list[str | None]:
    """CUDA_VISIBLE_DEVICES of each slot with `gpus` each, of those in `visible`; None where nothing needs saying.

    Slots with a part of a GPU share one; slots with several have each to themselves. When there are fewer GPUs than
    the slots need, slots share them in turn.
    """
    if not gpus or not visible:
        return [None] * slots
    if gpus < 1:
        each = max(1, math.floor(1 / gpus + 1e-9))
        return [visible[slot // each % len(visible)] for slot in range(slots)]
    count = min(math.ceil(gpus), len(visible))
    return [",".join(visible[(slot * count + index) % len(visible)] for index in range(count)) for slot in range(slots)]


def _visible_gpus() -> list[str]:
    """The GPUs of this process, by index or as CUDA_VISIBLE_DEVICES names them."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [one.strip() for one in named.split(",") if one.strip() not in {"", "-1"}]
    return [str(index) for index in range(len(list(Path("/dev").glob("nvidia[0-9]*"))))]


def _kill_group(pid: int) -> None:
    """Kill what is left of the process group that `pid` led."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
