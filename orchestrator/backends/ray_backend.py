"""Segments on Ray: one warm actor a slot, on a local Ray started on demand or on a cluster.

Ray places and runs segments and nothing else; every decision stays in the controller.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Mapping
from typing import Any

from orchestrator.backends.protocol import Ended, Message, Placed, Sink
from orchestrator.backends.ray_connection import Connection
from orchestrator.backends.ray_failures import failure_of, node_is_gone
from orchestrator.backends.ray_nodes import Nodes
from orchestrator.backends.ray_placement import bundle
from orchestrator.backends.ray_slots import Slot, SlotMaker
from orchestrator.backends.ray_versions import HINT, differences, versions
from orchestrator.backends.ray_worker import end_process
from orchestrator.backends.run_segment import REID_TRIAL
from orchestrator.backends.wear import MAX_SEGMENTS_PER_PROCESS, spoilt
from orchestrator.trial.protocol import Failed, Resources, SegmentSpec
from reid_core.errors import Conflict, Finding, InvalidInput

__all__ = ["RayBackend"]

_FIRST_SECONDS, _OTHERS_SECONDS = 60.0, 2.0
"""How long the beginning waits for a first worker of a cluster, and after it for the others: to compare versions."""
_BROKEN_STARTS = 5
"""So many workers in a row that break while they start are a fault of the cluster."""

_LOG = logging.getLogger(__name__)


class RayBackend:
    """Up to `slots` warm actors with `resources` each. Not thread-safe: the controller's loop drives it.

    On a cluster slots come and go with its nodes: `slots` counts those whose worker is ready. What has no room waits
    in Ray, and begins when a node joins or others end. `environment` is a Ray runtime environment. Raises InvalidInput
    when this machine can never give what a segment takes, ServerUnreachable, and Conflict when a node of the cluster
    has other versions of the software.
    """

    def __init__(
        self,
        slots: int,
        resources: Resources,
        *,
        address: str = "",
        trial: str = REID_TRIAL,
        cores: int | None = None,
        environment: Mapping[str, Any] | None = None,
    ) -> None:
        needed = bundle(resources)
        self._connection = Connection(address, max(cores or os.cpu_count() or 1, slots * resources.cpus))
        self._ray = self._connection.ray
        self._shipped = bool((environment or {}).get("py_modules"))
        self._nodes = Nodes(self._ray, watch=bool(address))
        self._maker = SlotMaker(self._ray, trial, resources, self._nodes, environment or {})
        self._waiting: list[Message] = []
        self._ending: list[tuple[Slot, Any]] = []
        self._broken = 0
        if self._connection.owned:
            slots = min(slots, self._room(needed, resources))
        self._slots = [self._maker.make() for _ in range(slots)]
        if not self._connection.owned:
            self._compare()

    @property
    def slots(self) -> int:
        """Segments that may run side by side now. On a Ray of its own all have room from the beginning."""
        return sum(not slot.leaving or slot.spec is not None for slot in self._slots if self._counts(slot))

    def start(self, spec: SegmentSpec) -> None:
        """Place the segment on a free slot, one that is warm if there is one."""
        free = [slot for slot in self._slots if slot.spec is None and not slot.leaving and self._counts(slot)]
        slot = min(free, key=lambda one: one.warm is None, default=None)
        if slot is None:
            raise RuntimeError(f"no free slot for segment {spec.segment}")
        slot.spec, slot.segments = spec, slot.segments + 1
        slot.stream = slot.actor.run.remote(spec)
        if slot.warm is not None and not self._connection.owned:
            self._waiting.append(Placed(spec.segment, slot.warm.worker))

    def pump(self, sink: Sink, timeout: float) -> None:
        """Deliver what the actors streamed; dead actors become `Failed` and are replaced.

        Raises ServerUnreachable when the head of the cluster is gone.
        """
        self._connection.check()
        self._tend()
        timeout = 0.0 if self._deliver_waiting(sink) else timeout
        while spoke := self._who_speaks(timeout):
            timeout = 0.0
            for slot, reference in spoke:
                self._hear(slot, reference, sink)

    def stop(self, segment: int, *, within: bool = False) -> None:
        """Ask the segment's actor to pause after its epoch, or `within` it."""
        slot = self._running(segment)
        if slot is not None:
            slot.actor.stop.remote(segment, within=within)

    def end(self, segment: int, outcome: Failed) -> None:
        """End the process tree of the segment's actor, wherever it is; the segment counts as `outcome`."""
        slot = self._running(segment)
        if slot is None:
            return
        self._waiting.append(Ended(segment, outcome, 0.0, slot.warm.worker if slot.warm else ""))
        self._slots[self._slots.index(slot)] = self._maker.make()
        self._ending.append((slot, self._end_tree(slot)))

    def avoid(self, node: str) -> None:
        """Start nothing more on the node of this name; what runs there may finish its segment."""
        self._nodes.avoid(node)
        self._leave()

    def close(self) -> None:
        """Kill the actors; end the connection, and the Ray that this backend started. Idempotent."""
        slots, self._slots = [*self._slots, *(slot for slot, _ in self._ending)], []
        self._ending = []
        self._nodes.close()
        if slots and not self._connection.lost:
            for slot in slots:
                self._maker.end(slot)
        self._connection.close()

    def workers(self) -> list[str]:
        """`host:pid` of every actor, once all are warm."""
        return [warm.worker for warm in self._ray.get([slot.actor.ready.remote() for slot in self._slots])]

    def _counts(self, slot: Slot) -> bool:
        return slot.warm is not None or slot.spec is not None or self._connection.owned

    def _running(self, segment: int) -> Slot | None:
        return next((one for one in self._slots if one.spec is not None and one.spec.segment == segment), None)

    def _room(self, needed: Mapping[str, float], resources: Resources) -> int:
        """How many slots this machine has room for, at least one."""
        total = self._ray.cluster_resources()
        missing = [name for name, amount in needed.items() if total.get(name, 0.0) < amount]
        if missing or resources.nodes > 1 or resources.labels:
            what = missing or ["several nodes" if resources.nodes > 1 else "labels of nodes"]
            self._connection.close()
            raise InvalidInput(
                Finding(
                    "no-room",
                    f"a trial takes more than this machine has: {', '.join(what)}",
                    file="resources",
                    key="resources",
                    hint="take less, or name a cluster with --ray-address",
                )
            )
        return min(int(total[name] / amount) for name, amount in needed.items())

    def _compare(self) -> None:
        """Wait for the first workers, and refuse a cluster whose software differs from this process's."""
        references = [slot.warming for slot in self._slots]
        self._ray.wait(references, num_returns=1, timeout=_FIRST_SECONDS)
        came, _ = self._ray.wait(references, num_returns=len(references), timeout=_OTHERS_SECONDS)
        try:
            for slot in [one for one in self._slots if one.warming in came]:
                self._greet(slot, strict=True)
        except Conflict:
            self.close()
            raise

    def _who_speaks(self, timeout: float) -> list[tuple[Slot, Any]]:
        """Every slot with something to say and what speaks; waits at most `timeout` seconds for the first."""
        able = [
            (slot, one) for slot in self._slots for one in (slot.warming, slot.stream, slot.notice) if one is not None
        ]
        if not able:
            time.sleep(timeout)
            return []
        references = [reference for _, reference in able]
        first, _ = self._ray.wait(references, num_returns=1, timeout=timeout, fetch_local=False)
        if not first:
            return []
        ready, _ = self._ray.wait(references, num_returns=len(references), timeout=0, fetch_local=False)
        spoke = {id(reference) for reference in ready}
        return [(slot, reference) for slot, reference in able if id(reference) in spoke]

    def _hear(self, slot: Slot, reference: Any, sink: Sink) -> None:
        """What a slot says is of no use once the slot was replaced in the same round."""
        if slot not in self._slots:
            return
        if reference is slot.stream:
            self._deliver(slot, sink)
        elif reference is slot.notice:
            self._warned(slot)
        elif reference is slot.warming:
            self._greet(slot)

    def _deliver_waiting(self, sink: Sink) -> bool:
        told, self._waiting = self._waiting, []
        for message in told:
            sink(message)
        return bool(told)

    def _deliver(self, slot: Slot, sink: Sink) -> None:
        spec = slot.spec
        if spec is None:
            return
        try:
            message: Message = self._ray.get(next(slot.stream))
        except (StopIteration, self._ray.exceptions.RayError) as error:
            self._connection.sure()
            worker = slot.warm.worker if slot.warm is not None else ""
            self._replace(slot)
            sink(Ended(spec.segment, failure_of(error, slot.host), 0.0, worker))
            return
        if isinstance(message, Ended):
            slot.spec = slot.stream = None
            if slot.leaving or slot.segments >= MAX_SEGMENTS_PER_PROCESS or spoilt(message.outcome):
                self._replace(slot)
        sink(message)

    def _greet(self, slot: Slot, *, strict: bool = False) -> None:
        """A slot became ready, or broke on the way."""
        try:
            warm = self._ray.get(slot.warming)
        except self._ray.exceptions.RayError as error:
            self._broke(slot, error, strict=strict)
            return
        slot.warming, slot.warm, self._broken = None, warm, 0
        slot.notice = slot.actor.notice.remote()
        self._nodes.met(warm.node, warm.host)
        different = differences(versions(), warm.versions, shipped=self._shipped)
        if different and strict:
            raise Conflict(f"node {warm.host} has other versions: {different}", hint=HINT)
        if different:
            _LOG.warning("node %s is not used, it has other versions: %s; %s", warm.host, different, HINT)
            self._nodes.avoid(warm.host)
        self._leave()

    def _broke(self, slot: Slot, error: Exception, *, strict: bool) -> None:
        """A worker broke while it started: a node that left meanwhile, or, which `strict` refuses, other software."""
        self._broken += 1
        if (strict and not node_is_gone(error)) or self._broken >= _BROKEN_STARTS:
            last = next((line for line in reversed(str(error).splitlines()) if line.strip()), type(error).__name__)
            raise Conflict(f"workers do not start on the Ray cluster: {last.strip()}", hint=HINT)
        if slot.spec is None:
            self._replace(slot)
        else:
            slot.warming = None  # its stream tells

    def _warned(self, slot: Slot) -> None:
        """The process of a slot was told to end soon, or is dead: its segment pauses, and nothing is started here."""
        self._connection.sure()
        notice, slot.notice, slot.leaving = slot.notice, None, True
        with contextlib.suppress(self._ray.exceptions.RayError):  # it is dead: its stream tells
            if self._ray.get(notice) and slot.warm is not None:
                self._nodes.goes(slot.warm.node)
        if slot.spec is None:
            self._replace(slot)

    def _leave(self) -> None:
        """Leave nodes that are avoided or about to go: nothing is started there from now on."""
        for slot in list(self._slots):
            if slot.warm is None or slot.leaving or not self._nodes.refused(slot.warm.node):
                continue
            slot.leaving = True
            if slot.spec is None:
                self._replace(slot)
            elif slot.warm.node in self._nodes.leaving:
                slot.actor.leave.remote()

    def _tend(self) -> None:
        """Leave nodes, and bury processes that were ended."""
        self._leave()
        for slot, ended in list(self._ending):
            if ended is None or self._ray.wait([ended], timeout=0)[0]:
                self._ending.remove((slot, ended))
                self._maker.end(slot)

    def _end_tree(self, slot: Slot) -> Any:
        """Start ending the process tree of a slot on its node; what answers when that is done, None when it is."""
        if slot.warm is None:
            return None
        if self._connection.owned:
            end_process(slot.warm.pid)
            return None
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy  # noqa: PLC0415 - Ray is heavy

        there = NodeAffinitySchedulingStrategy(slot.warm.node, soft=False)
        task = self._ray.remote(end_process).options(num_cpus=0, scheduling_strategy=there, max_retries=0)
        return task.remote(slot.warm.pid)

    def _replace(self, slot: Slot) -> None:
        self._maker.end(slot)
        self._slots[self._slots.index(slot)] = self._maker.make()
