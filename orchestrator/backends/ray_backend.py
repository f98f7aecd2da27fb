"""Segments on Ray: one warm actor a slot, on a local Ray started on demand or on a cluster.

Ray places and runs segments and nothing else; every decision stays in the controller.
"""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass
from typing import Any

from orchestrator.backends.protocol import Ended, Message, Sink
from orchestrator.backends.ray_worker import SegmentWorker
from orchestrator.backends.run_segment import REID_TRIAL
from orchestrator.trial.kinds import FailureKind
from orchestrator.trial.protocol import Failed, Resources, SegmentSpec
from reid_core.errors import ServerUnreachable

__all__ = ["RayBackend"]

MAX_SEGMENTS_PER_PROCESS = 50
"""A worker process is replaced after so many segments, so that a slow leak never grows old."""


@dataclass(slots=True)
class _Slot:
    actor: Any
    spec: SegmentSpec | None = None
    stream: Any = None
    pending: Any = None
    segments: int = 0


class RayBackend:
    """`slots` warm actors with `resources` each. Not thread-safe: the controller's loop drives it."""

    def __init__(
        self,
        slots: int,
        resources: Resources,
        *,
        address: str = "",
        trial: str = REID_TRIAL,
        cores: int | None = None,
    ) -> None:
        self.slots = slots
        self._resources = resources
        self._trial = trial
        self._ray = _connect(address, max(cores or os.cpu_count() or 1, slots * resources.cpus))
        self._owns_ray = not address
        self._slots = [_Slot(self._actor()) for _ in range(slots)]

    def start(self, spec: SegmentSpec) -> None:
        """Place the segment on a free slot."""
        slot = next((one for one in self._slots if one.spec is None), None)
        if slot is None:
            raise RuntimeError(f"no free slot for segment {spec.segment}")
        if slot.segments >= MAX_SEGMENTS_PER_PROCESS:
            self._replace(slot)
        slot.spec, slot.segments = spec, slot.segments + 1
        slot.stream = slot.actor.run.remote(spec)

    def pump(self, sink: Sink, timeout: float) -> None:
        """Deliver what the actors streamed; dead actors become `Failed(lost)` and are replaced."""
        busy = [slot for slot in self._slots if slot.spec is not None]
        if not busy:
            time.sleep(timeout)
            return
        ready, _ = self._ray.wait([slot.stream for slot in busy], num_returns=1, timeout=timeout, fetch_local=False)
        while ready:
            slot = next(one for one in busy if one.stream is ready[0])
            self._deliver(slot, sink)
            busy = [one for one in self._slots if one.spec is not None]
            ready = (
                self._ray.wait([one.stream for one in busy], num_returns=1, timeout=0, fetch_local=False)[0]
                if busy
                else []
            )

    def stop(self, segment: int) -> None:
        """Ask the segment's actor to pause after its epoch."""
        for slot in self._slots:
            if slot.spec is not None and slot.spec.segment == segment:
                slot.actor.stop.remote(segment)

    def end(self, segment: int, outcome: Failed) -> None:
        """Kill the segment's actor at once: the segment counts as `outcome`."""

    def avoid(self, node: str) -> None:
        """Start nothing more on the node of this name."""

    def close(self) -> None:
        """Kill the actors; shut down the Ray that this backend started."""
        for slot in self._slots:
            self._ray.kill(slot.actor)
        self._slots = []
        if self._owns_ray:
            self._ray.shutdown()

    def workers(self) -> list[str]:
        """`host:pid` of every actor, once all are warm."""
        names: list[str] = self._ray.get([slot.actor.ready.remote() for slot in self._slots])
        return names

    def _deliver(self, slot: _Slot, sink: Sink) -> None:
        spec = slot.spec
        if spec is None:
            return
        try:
            message: Message = self._ray.get(next(slot.stream))
        except (StopIteration, self._ray.exceptions.RayError) as error:
            self._replace(slot)
            reason = f"the worker process died: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
            sink(Ended(spec.segment, Failed(FailureKind.LOST, reason, retryable=True), 0.0, ""))
            return
        if isinstance(message, Ended):
            slot.spec = slot.stream = None
        sink(message)

    def _replace(self, slot: _Slot) -> None:
        self._ray.kill(slot.actor)
        slot.actor, slot.spec, slot.stream, slot.segments = self._actor(), None, None, 0

    def _actor(self) -> Any:
        threads = str(self._resources.cpus)
        remote = self._ray.remote(SegmentWorker)
        methods = {"num_cpus": self._resources.cpus, "num_gpus": self._resources.gpus}
        actor = remote.options(
            **methods,
            max_restarts=0,
            max_concurrency=4,
            runtime_env={"env_vars": {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}},
        ).remote(self._trial)
        actor.ready.remote()
        return actor


def _connect(address: str, cores: int) -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray  # noqa: PLC0415 - seconds to import; only studies on Ray pay for it

    if ray.is_initialized():
        return ray
    try:
        if address:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        else:
            ray.init(
                address="local",
                num_cpus=cores,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise ServerUnreachable(
            f"cannot reach Ray at {address or 'this machine'}: {error}",
            hint="start a head with `ray start --head` and give its address, or use --backend inline",
        ) from error
    return ray
