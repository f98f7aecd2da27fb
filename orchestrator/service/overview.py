"""The whole service at one look: nodes with their GPUs, what runs and how fast, what waits, what fails."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from collections import Counter
from typing import Self

import psutil
from pydantic import BaseModel, ConfigDict, Field

from orchestrator.events import StudyStatus
from orchestrator.service.daemon import record
from orchestrator.service.daemon.view import DaemonView
from orchestrator.service.gpus import ask_driver, driver_program
from orchestrator.service.machine import cores, gpu_count
from orchestrator.service.ray_nodes import asking, cluster_of, environment
from orchestrator.service.service import Service

__all__ = ["NodeView", "Nodes", "Overview", "overview", "ray_address"]


class _View(BaseModel):
    model_config = ConfigDict(frozen=True)


class NodeView(_View):
    """A machine. Of Ray's nodes the used parts are what Ray has given away; of this one what is busy."""

    name: str
    cores: float
    cores_used: float | None = None
    gpus: float = 0.0
    gpus_used: float | None = None
    memory: float = Field(0.0, description="GiB")
    memory_used: float | None = Field(None, description="GiB")
    gpu_memory: tuple[str, ...] = Field((), description="of each GPU: used of total MiB and how busy it is")
    set_aside: str = Field("", description="why nothing more is started there")


class Overview(_View):
    """Everything at one time."""

    at: float
    nodes: tuple[NodeView, ...]
    ray: str = Field("", description="address of the cluster that the nodes are of; empty: this machine")
    service: DaemonView
    failures: dict[str, int] = Field(description="failed segments of the running studies, by kind")


def overview(service: Service, nodes: Nodes) -> Overview:
    """A look at the service, and at the nodes as they were known last."""
    view = service.daemon()
    failures: Counter[str] = Counter()
    aside: dict[str, str] = {}
    for row in service.store.studies():
        if row.status is StudyStatus.RUNNING:
            failures.update({kind or outcome: count for (outcome, kind), count in service.counts(row).ended})
            aside |= service.state(row.id).avoided
    for fine in ("completed", "paused"):
        failures.pop(fine, None)
    seen = [one.model_copy(update={"set_aside": aside.get(one.name, "")}) for one in nodes.known()]
    return Overview(
        at=time.time(), nodes=tuple(seen), ray=nodes.address, service=view, failures=dict(sorted(failures.items()))
    )


def ray_address(service: Service) -> str:
    """The cluster of the newest running study that names one, else that of the service, else RAY_ADDRESS."""
    for row in service.store.studies():
        created = service.state(row.id).created if row.status is StudyStatus.RUNNING else None
        if created is not None and created.ray_address:
            return created.ray_address
    found = record.read(service.home)
    return (found.ray_address if found is not None else "") or os.environ.get("RAY_ADDRESS", "")


class Nodes:
    """The nodes of a Ray cluster, asked by a process of their own while the block runs; without one this machine."""

    def __init__(self, address: str = "") -> None:
        self.address = ""
        self._wanted = address
        self._told: tuple[NodeView, ...] = ()
        self._process: subprocess.Popen[str] | None = None
        self._first = threading.Event()

    def __enter__(self) -> Self:
        if self._wanted:
            self._process = subprocess.Popen(  # noqa: S603 - our own few lines
                asking(self._wanted, once=False),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env=environment(),
            )
            threading.Thread(target=self._listen, args=(self._process,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def wait(self, seconds: float) -> None:
        """Until the cluster answered once, or did not within `seconds`."""
        if self._process is not None:
            self._first.wait(seconds)

    def known(self) -> tuple[NodeView, ...]:
        """The nodes as they were told last; this machine while nobody told any."""
        return self._told or (this_node(),)

    def _listen(self, process: subprocess.Popen[str]) -> None:
        for line in process.stdout or ():
            found = cluster_of(line)
            if found is not None:
                self._told = tuple(NodeView(**one.model_dump()) for one in found.nodes)
                self.address = self._wanted
                self._first.set()
        self._told, self.address = (), ""  # the cluster is gone
        self._first.set()


def this_node() -> NodeView:
    """This machine as it is now."""
    memory, seen = psutil.virtual_memory(), cores()
    lines = _gpu_lines()
    return NodeView(
        name=socket.gethostname(),
        cores=seen,
        cores_used=round(psutil.cpu_percent() / 100 * (psutil.cpu_count() or seen), 1),
        gpus=gpu_count(),
        memory=memory.total / 1024**3,
        memory_used=(memory.total - memory.available) / 1024**3,
        gpu_memory=lines,
    )


def _gpu_lines() -> tuple[str, ...]:
    program = driver_program()
    if program is None or not gpu_count():
        return ()
    try:
        found = ask_driver(program)
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(f"{one.used}/{one.total} MiB {one.busy} %" for one in found)
