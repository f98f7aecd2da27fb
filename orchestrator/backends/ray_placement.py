"""What a slot asks of Ray: the resources of one segment in Ray's words, on one node or a bundle for each of several."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from orchestrator.trial.protocol import Resources
from reid_core.errors import Finding, InvalidInput

__all__ = ["GIB", "NODE_ID", "bundle", "labels", "options"]

GIB = 2**30
NODE_ID = "ray.io/node-id"
"""The label that Ray gives every node: its identity as hexadecimal digits."""


def options(resources: Resources) -> dict[str, Any]:
    """What `ray.remote(...).options` takes for the part of a segment that runs on one node."""
    part = bundle(resources)
    taken: dict[str, Any] = {"num_cpus": part.pop("CPU"), "num_gpus": part.pop("GPU", 0.0)}
    memory = part.pop("memory", 0.0)
    if memory:
        taken["memory"] = int(memory)
    if part:
        taken["resources"] = part
    return taken


def bundle(resources: Resources) -> dict[str, float]:
    """The share of one node, by Ray's names of resources; memory in bytes.

    CPUs, GPUs, memory and custom resources are those of the whole segment and divided over its nodes. Raises
    InvalidInput where they cannot be: a GPU serves one process.
    """
    nodes, gpus = resources.nodes, resources.gpus
    if gpus > 1 and gpus != int(gpus):
        raise _refused(f"{gpus:g} GPUs: more than one must be a whole number", "give 1, 2, 3 ... or a fraction below 1")
    if nodes > 1 and gpus and (gpus < nodes or gpus % nodes):
        raise _refused(
            f"{gpus:g} GPUs do not divide over {nodes} nodes", f"give a multiple of {nodes}, or another number of nodes"
        )
    share: dict[str, float] = {"CPU": max(1.0, resources.cpus // nodes)}
    if gpus:
        share["GPU"] = gpus / nodes
    if resources.memory_gb:
        share["memory"] = float(int(resources.memory_gb * GIB / nodes))
    share |= {name: amount / nodes for name, amount in sorted(resources.custom.items()) if amount}
    return share


def labels(wanted: Mapping[str, str], avoided: Collection[str]) -> dict[str, str]:
    """Ray's label selector: the labels that a node must carry, and the identities that it must not have."""
    selector = dict(sorted(wanted.items()))
    if avoided:
        selector[NODE_ID] = f"!in({','.join(sorted(avoided))})"
    return selector


def _refused(message: str, hint: str) -> InvalidInput:
    return InvalidInput(Finding("impossible", message, file="resources", key="resources.gpus", hint=hint))
