"""A Ray cluster of several raylets on this machine, each a node with a name, and trials that its workers can import."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from pathlib import Path

TESTS = str(Path(__file__).resolve().parents[1])
_ATTEMPTS = 3
"""A node that does not start within Ray's thirty seconds, on a busy machine, is started again."""


class Raylets:
    """A head without CPUs, and nodes that join and leave. Stops everything when its block ends."""

    def __init__(self, **system) -> None:
        self.nodes = {}
        options = {"num_cpus": 0, "include_dashboard": False, "_system_config": system or None}
        for left in reversed(range(_ATTEMPTS)):
            try:
                self._begin(options)
                break
            except BaseException:
                self.stop()
                if not left:
                    raise

    def _begin(self, options) -> None:
        from ray.cluster_utils import Cluster

        self.cluster = Cluster()
        self.head = self.cluster.add_node(**options)

    @property
    def address(self) -> str:
        return self.cluster.address

    def join(self, name: str, *, cpus: float = 1, environment=None, **options):
        variables = {"REID_TUNE_NODE": name, **(environment or {})}
        for left in reversed(range(_ATTEMPTS)):
            try:
                self.nodes[name] = self.cluster.add_node(num_cpus=cpus, env_vars=variables, **options)
                break
            except Exception:
                if not left:
                    raise
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
