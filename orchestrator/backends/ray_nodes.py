"""The nodes of a Ray cluster as they are now: their names, which are about to leave, which are to be avoided."""

from __future__ import annotations

import threading
from typing import Any

__all__ = ["Nodes"]

_LOOK_SECONDS = 2.0


class Nodes:
    """Nodes by Ray's identity. A node's name is what its workers call it: mostly the name of its host.

    With `watch` a thread looks at the cluster every few seconds: without its head, Ray keeps who asks waiting.
    """

    def __init__(self, ray: Any, *, watch: bool) -> None:
        self._ray = ray
        self._names: dict[str, str] = {}
        self._hosts: dict[str, str] = {}
        self._avoided: set[str] = set()
        self._leaving: frozenset[str] = frozenset()
        self._warned: set[str] = set()
        self._closed = threading.Event()
        if watch:
            threading.Thread(target=self._watch, name="ray-nodes", daemon=True).start()

    def met(self, identity: str, name: str) -> None:
        """A worker on this node told its name."""
        self._names[identity] = name

    def avoid(self, name: str) -> None:
        """Nothing more is to run on nodes of this name."""
        self._avoided.add(name)

    def goes(self, identity: str) -> None:
        """This node told that it is about to be taken away."""
        self._warned.add(identity)

    def refused(self, identity: str) -> bool:
        """Whether nothing more is to run on this node: it is avoided, or about to leave."""
        return self._names.get(identity, "") in self._avoided or identity in self.leaving

    @property
    def avoided(self) -> frozenset[str]:
        """Identities of the nodes to avoid; a node that no worker told of goes by the name of its host."""
        names = {**self._hosts, **self._names}
        return frozenset(identity for identity, name in names.items() if name in self._avoided) | self._warned

    @property
    def leaving(self) -> frozenset[str]:
        """Identities of the nodes that are given notice to, by the cluster or their own: preemption, scaling down."""
        return self._leaving | self._warned

    def close(self) -> None:
        """Look no more."""
        self._closed.set()

    def _watch(self) -> None:
        from ray._private.state import state  # noqa: PLC0415 - Ray has no public list of these; Serve reads this one

        while not self._closed.wait(_LOOK_SECONDS):
            try:
                self._leaving = frozenset(state.get_draining_nodes())
                self._hosts = {node["NodeID"]: node["NodeManagerHostname"] for node in self._ray.nodes()}
            except Exception:  # noqa: BLE001, S112 - only a hint: a node that leaves without it is a loss, and handled
                continue
