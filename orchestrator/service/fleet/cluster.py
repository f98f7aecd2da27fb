"""The cluster at one look: nodes and GPUs with what runs where, the queue, shares, idle time, failures by kind."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

from orchestrator.events import StudyState, StudyStatus
from orchestrator.service.fleet.views import (
    ClusterNode,
    ClusterView,
    FailureView,
    GpuView,
    RunningSegment,
    StudyIdle,
)
from orchestrator.service.gpus import ask_driver, driver_program
from orchestrator.service.overview import Nodes, NodeView, ray_address, this_node
from orchestrator.service.service import Service

__all__ = ["Cluster", "cluster_view"]

_FINE = frozenset({"completed", "paused"})
_MIB = 1024
_KEPT = 2.0
"""Seconds for which this machine's state is told again without looking: many pages ask at once."""
_UNASKED = 60.0
"""Seconds without a question after which a Ray cluster is not listened to any more."""


class Cluster:
    """Looks at the cluster when asked: Ray's nodes through a process of their own while anybody asks. Thread-safe."""

    def __init__(self, service: Service, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._service = service
        self._clock = clock
        self._lock = threading.Lock()
        self._nodes: Nodes | None = None
        self._address = ""
        self._timer: threading.Timer | None = None
        self._here: tuple[float, NodeView, tuple[GpuView, ...]] | None = None

    def view(self) -> ClusterView:
        """Everything as it is now. Nodes of a cluster are as they were told last, a few seconds ago at most."""
        with self._lock:
            nodes, address = self._asked()
            here, devices = self._this_machine()
        told = nodes.known() if nodes is not None and nodes.address else (here,)
        return cluster_view(self._service, told, devices, address if told != (here,) else "")

    def close(self) -> None:
        """End what listens to a cluster."""
        with self._lock:
            self._let_go()

    def _asked(self) -> tuple[Nodes | None, str]:
        """What listens to the cluster of the running studies, begun now where it was not."""
        address = ray_address(self._service)
        if address != self._address:
            self._let_go()
        if address and self._nodes is None:
            self._nodes, self._address = Nodes(address).__enter__(), address
        if self._timer is not None:
            self._timer.cancel()
        if self._nodes is not None:
            self._timer = threading.Timer(_UNASKED, self.close)
            self._timer.daemon = True
            self._timer.start()
        return self._nodes, address

    def _let_go(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._nodes is not None:
            self._nodes.__exit__()
        self._nodes, self._address, self._timer = None, "", None

    def _this_machine(self) -> tuple[NodeView, tuple[GpuView, ...]]:
        now = self._clock()
        if self._here is None or now - self._here[0] >= _KEPT:
            self._here = (now, this_node(), _devices())
        return self._here[1], self._here[2]


def cluster_view(
    service: Service, nodes: Sequence[NodeView], devices: Sequence[GpuView] = (), ray: str = ""
) -> ClusterView:
    """`nodes` with what the logs of the running studies say; `devices` are the GPUs of this machine."""
    running: list[RunningSegment] = []
    failed: dict[str, Counter[str]] = defaultdict(Counter)
    idle: list[StudyIdle] = []
    aside: dict[str, str] = {}
    here = socket.gethostname()
    for row in service.store.studies():
        if row.status is not StudyStatus.RUNNING:
            continue
        summary = service.summary(row.id)
        for (outcome, kind), count in service.counts(row).ended:
            if outcome not in _FINE:
                failed[kind or outcome][row.name] += count
        if summary.status is StudyStatus.RUNNING:  # with a live controller
            running += _segments(service.state(row.id), here)
            idle.append(StudyIdle(id=row.id, name=row.name, idle_share=summary.idle_share))
            aside |= summary.avoided
    names = {node.name for node in nodes}
    return ClusterView(
        at=time.time(),
        kind="ray" if ray else "machine",
        ray=ray,
        nodes=tuple(_node(node, running, aside, devices if node.name == here else ()) for node in nodes),
        elsewhere=tuple(one for one in running if one.node not in names),
        service=service.daemon(),
        idle=tuple(idle),
        failures=tuple(
            FailureView(kind=kind, count=counts.total(), studies=dict(counts))
            for kind, counts in sorted(failed.items(), key=lambda one: (-one[1].total(), one[0]))
        ),
    )


def _node(
    node: NodeView, running: Sequence[RunningSegment], aside: dict[str, str], devices: Sequence[GpuView]
) -> ClusterNode:
    return ClusterNode(
        **node.model_dump(exclude={"gpu_memory", "set_aside"}),
        devices=tuple(devices),
        set_aside=aside.get(node.name, ""),
        running=tuple(one for one in running if one.node == node.name),
    )


def _segments(state: StudyState, here: str) -> list[RunningSegment]:
    """What runs of a study. On a cluster the log names the node once a worker took the segment."""
    created = state.created
    if created is None:
        return []
    made = []
    for run in state.running.values():
        trial = state.trials[run.trial]
        told = trial.history.get(trial.epoch, {})
        made.append(
            RunningSegment(
                study=created.study,
                name=created.name,
                trial=run.trial,
                segment=run.segment,
                attempt=run.attempt,
                epoch=trial.epoch,
                to_epoch=run.to_epoch,
                since=run.started,
                node=run.worker.rpartition(":")[0] if run.worker or created.ray_address else here,
                gpus=created.gpus,
                cpus=created.cpus,
                images_per_second=told.get("images_per_second"),
                gpu=told.get("gpu"),
                cpu=told.get("cpu"),
                gpu_memory_gb=told.get("gpu_memory_gb"),
            )
        )
    return made


def _devices() -> tuple[GpuView, ...]:
    """The GPUs of this machine; none where there is no driver, or it does not answer."""
    program = driver_program()
    if program is None:
        return ()
    try:
        found = ask_driver(program)
        return tuple(
            GpuView(
                number=number,
                name=one.name,
                memory_used=float(one.used) / _MIB,
                memory=float(one.total) / _MIB,
                busy=float(one.busy) / 100,
            )
            for number, one in enumerate(found)
        )
    except (OSError, subprocess.SubprocessError, ValueError):  # ValueError: "[N/A]" of a GPU that tells nothing
        return ()
