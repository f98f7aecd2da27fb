"""Segments run one after another in this process: the simplest backend, and the reproducible one."""

from __future__ import annotations

import time

from orchestrator.backends.protocol import Sink
from orchestrator.backends.run_segment import REID_TRIAL, Asked, load_trial, run_segment
from orchestrator.trial.protocol import Failed, SegmentSpec, Trial

__all__ = ["InlineBackend"]


class InlineBackend:
    """One slot. `pump` runs the started segment to its end, speaking to `sink` on the way."""

    slots = 1

    def __init__(self, trial: str = REID_TRIAL) -> None:
        self._path = trial
        self._trial: Trial | None = None
        self._spec: SegmentSpec | None = None
        self._asked = Asked()

    def start(self, spec: SegmentSpec) -> None:
        """Keep the segment for the next `pump`."""
        if self._spec is not None:
            raise RuntimeError(f"segment {self._spec.segment} still holds the only slot")
        self._spec = spec

    def pump(self, sink: Sink, timeout: float) -> None:
        """Run the waiting segment to its end; sleep `timeout` when there is none."""
        if self._spec is None:
            time.sleep(timeout)
            return
        spec, self._spec = self._spec, None
        if self._trial is None:
            self._trial = load_trial(self._path)
        run_segment(self._trial, spec, sink, self._asked.of(spec.segment))
        self._asked.forget(spec.segment)

    def stop(self, segment: int, *, within: bool = False) -> None:
        """Ask the segment to pause after its epoch, or `within` it."""
        self._asked.stop(segment, within=within)

    def end(self, segment: int, outcome: Failed) -> None:
        """Nothing: this process cannot end the segment that it runs without ending itself."""

    def avoid(self, node: str) -> None:
        """Nothing: this process is the only place."""

    def close(self) -> None:
        """Forget a segment that was not pumped yet."""
        self._spec = None
