"""What a Ray cluster has, asked by a process of its own: Ray may end whoever asks."""

from __future__ import annotations

import os
import sys

from pydantic import BaseModel, ConfigDict

__all__ = ["RayCluster", "RayNode", "asking", "cluster_of", "environment"]

ASK = """
import json, sys, time
from contextlib import suppress
import ray
from orchestrator.backends.ray_port import enter, place_of
with suppress(OSError, ValueError):
    enter(ray, place_of(sys.argv[1]), connect=2.0, answer=5.0)
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
    told.sort(key=lambda one: one["name"])
    print(json.dumps({"ray": ray.__version__, "nodes": told}), flush=True)
    if sys.argv[2] == "once":
        break
    time.sleep(3)
"""
_START = '{"ray": '  # Ray prints what it likes, too


class RayNode(BaseModel):
    """A node, and what Ray has given away of it. Memory in GiB."""

    model_config = ConfigDict(frozen=True)

    name: str
    cores: float
    cores_used: float
    gpus: float
    gpus_used: float
    memory: float
    memory_used: float


class RayCluster(BaseModel):
    """The nodes that live, by name, and the version of Ray."""

    model_config = ConfigDict(frozen=True)

    ray: str
    nodes: tuple[RayNode, ...]


def asking(address: str, *, once: bool) -> list[str]:
    """The command that prints the cluster as a line, `once` or every three seconds."""
    return [sys.executable, "-c", ASK, address, "once" if once else "on"]


def environment() -> dict[str, str]:
    """What the command runs with."""
    return {**os.environ, "RAY_USAGE_STATS_ENABLED": "0"}


def cluster_of(line: str) -> RayCluster | None:
    """What a printed line says; None for lines of Ray's own."""
    return RayCluster.model_validate_json(line) if line.startswith(_START) else None
