"""A Ray cluster of several raylets on this machine, each a node with a name, and trials that its workers can import."""

from __future__ import annotations

import os
import socket
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

TESTS = str(Path(__file__).resolve().parents[1])
_PATIENCE = 150.0
"""Seconds that a raylet may take to start; Ray itself gives up after thirty, too few on a busy machine."""


class Raylets:
    """A head without CPUs, and nodes that join and leave. Stops everything when its block ends."""

    def __init__(self, **system) -> None:
        from ray.cluster_utils import Cluster

        self.cluster = Cluster()
        self.nodes = {}
        try:
            self.head = self._add(num_cpus=0, include_dashboard=False, _system_config=system or None)
        except BaseException:
            self.stop()
            raise

    @property
    def address(self) -> str:
        return self.cluster.address

    def join(self, name: str, *, cpus: float = 1, environment=None, **options):
        variables = {"REID_TUNE_NODE": name, **(environment or {})}
        self.nodes[name] = self._add(num_cpus=cpus, env_vars=variables, **options)
        return self.nodes[name]

    def _add(self, **options):
        with _patience():
            return self.cluster.add_node(**_ports(), **options)

    def kill(self, name: str) -> None:
        """The node is gone without a word."""
        self.cluster.remove_node(self.nodes.pop(name), allow_graceful=False)

    def stop(self) -> None:
        import ray

        ray.shutdown()
        self.cluster.shutdown()


def _ports():
    """Free ports for a node's agents: a raylet that does not know them ends when its agents do not tell in 15 s."""
    names = ("metrics_agent_port", "metrics_export_port", "dashboard_agent_listen_port", "runtime_env_agent_port")
    with ExitStack() as held:
        probes = [held.enter_context(socket.create_server(("", 0))) for _ in names]
        return {name: probe.getsockname()[1] for name, probe in zip(names, probes, strict=True)}


@contextmanager
def _patience():
    """Where Ray asks whether its new node is there, it is answered once it is."""
    from ray._private import services

    ask, deadline = services.get_node, time.monotonic() + _PATIENCE

    def answer(*where):
        while True:
            try:
                return ask(*where)
            except RuntimeError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)

    services.get_node = answer
    try:
        yield
    finally:
        services.get_node = ask


@contextmanager
def raylets(**system):
    before = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [TESTS, before]))
    made = Raylets(**system)
    try:
        yield made
    finally:
        made.stop()
        os.environ["PYTHONPATH"] = before


def wait_until(true, seconds: float = 60.0) -> None:
    """Until `true()`; for processes elsewhere that tell nobody when they are done."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)
