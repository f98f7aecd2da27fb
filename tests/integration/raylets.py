"""A Ray cluster of several raylets on this machine, each a node with a name, and trials that its workers can import."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from pathlib import Path

TESTS = str(Path(__file__).resolve().parents[1])


class Raylets:
    """A head without CPUs, and nodes that join and leave. Stops everything when its block ends."""

    def __init__(self, **system) -> None:
        from ray.cluster_utils import Cluster

        self.cluster = Cluster()
        self.nodes = {}
        try:
            self.head = self.cluster.add_node(num_cpus=0, include_dashboard=False, _system_config=system or None)
        except BaseException:
            self.stop()
            raise

    @property
    def address(self) -> str:
        return self.cluster.address

    def join(self, name: str, *, cpus: float = 1, environment=None, **options):
        variables = {"REID_TUNE_NODE": name, **(environment or {})}
        self.nodes[name] = self.cluster.add_node(num_cpus=cpus, env_vars=variables, **options)
        return self.nodes[name]

    def kill(self, name: str) -> None:
        """The node is gone without a word."""
        self.cluster.remove_node(self.nodes.pop(name), allow_graceful=False)

    def stop(self) -> None:
        import ray

        ray.shutdown()
        self.cluster.shutdown()


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
