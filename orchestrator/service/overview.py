"""The whole service at one look: nodes with their GPUs, what runs and how fast, what waits, what fails."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from typing import Self

import psutil
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from orchestrator.events import StudyStatus
from orchestrator.service.daemon.view import DaemonView
from orchestrator.service.machine import cores, gpu_count
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
    """The cluster of the newest running study that names one, else RAY_ADDRESS."""
    for row in service.store.studies():
        created = service.state(row.id).created if row.status is StudyStatus.RUNNING else None
        if created is not None and created.ray_address:
            return created.ray_address
    return os.environ.get("RAY_ADDRESS", "")


_NODES = TypeAdapter(tuple[NodeView, ...])
_ASK = """
import json, sys, time
import ray
from ray._private.state import available_resources_per_node
ray.init(address=sys.argv[1], log_to_driver=False, logging_level="ERROR")
while True:
    free, told = available_resources_per_node(), []
    for node in ray.nodes():
        if node["Alive"]:
            whole, left = node["Resources"], free.get(node["NodeID"], {})
            used = {key: whole.get(key, 0) - left.get(key, 0) for key in ("CPU", "GPU", "memory")}
            told.append({"name": node["NodeManagerHostname"], "cores": whole.get("CPU", 0), "cores_used": used["CPU"],
                         "gpus": whole.get("GPU", 0), "gpus_used": used["GPU"],
                         "memory": whole.get("memory", 0) / 2**30, "memory_used": used["memory"] / 2**30})
    print(json.dumps(sorted(told, key=lambda one: one["name"])), flush=True)
    time.sleep(3)
"""


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
                [sys.executable, "-c", _ASK, self._wanted],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env={**os.environ, "RAY_USAGE_STATS_ENABLED": "0"},
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
            if line.startswith("["):  # Ray prints what it likes, too
                self._told, self.address = _NODES.validate_python(json.loads(line)), self._wanted
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
    program = shutil.which("nvidia-smi")
    if program is None or not gpu_count():
        return ()
    query = "--query-gpu=memory.used,memory.total,utilization.gpu"
    try:
        done = subprocess.run(  # noqa: S603 - the driver's own program
            [program, query, "--format=csv,noheader,nounits"], capture_output=True, text=True, timeout=3, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    rows = [[cell.strip() for cell in line.split(",")] for line in done.stdout.splitlines() if line.count(",") == 2]
    return tuple(f"{used}/{total} MiB {busy} %" for used, total, busy in rows)
