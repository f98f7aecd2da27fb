"""The far end of the Ray backend: an actor that runs segments one after another in a warm process."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from functools import partial

from orchestrator.backends.protocol import Ended, Message, Sink
from orchestrator.backends.run_segment import load_trial, run_segment, worker_name
from orchestrator.trial.protocol import SegmentSpec

__all__ = ["SegmentWorker"]


class SegmentWorker:
    """Wrapped by `ray.remote` with a concurrency group `control`, so that `stop` is heard while `run` streams."""

    def __init__(self, trial: str) -> None:
        self._trial = load_trial(trial)
        self._stopping: set[int] = set()
        self._jobs: queue.SimpleQueue[tuple[SegmentSpec, Sink]] = queue.SimpleQueue()
        # One thread for all segments: glibc gives each new thread memory of its own, and keeps it when it ends.
        threading.Thread(target=self._work, name="segments", daemon=True).start()

    def ready(self) -> str:
        """Answers when the process is warm (imports done): `host:pid`."""
        warm = getattr(self._trial, "warm", None)
        if warm is not None:
            warm()
        return worker_name()

    def run(self, spec: SegmentSpec) -> Iterator[Message]:
        """Run the segment in the worker's thread and stream its messages; the last is `Ended`."""
        box: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._jobs.put((spec, box.put))
        while True:
            message = box.get()
            yield message
            if isinstance(message, Ended):
                break
        self._stopping.discard(spec.segment)

    def stop(self, segment: int) -> None:
        """Ask the segment to pause after its epoch."""
        self._stopping.add(segment)

    def _work(self) -> None:
        while True:
            spec, sink = self._jobs.get()
            run_segment(self._trial, spec, sink, partial(self._stopping.__contains__, spec.segment))
