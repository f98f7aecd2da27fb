"""Which node does segments harm: a pure fold over how they ended. The same log sets the same nodes aside."""

from __future__ import annotations

from dataclasses import dataclass, field

from orchestrator.events import ControllerStarted, Event, NodeSetAside, OutcomeKind, SegmentEnded
from orchestrator.trial.kinds import FailureKind

__all__ = ["PATIENCE", "NodeTally"]

PATIENCE = 3
"""So many segments in a row that a node fails for its own reasons, or loses, set it aside."""


@dataclass(slots=True)
class _Node:
    """Segments since the last one that ended well here: those the node failed, those that were lost with it."""

    failed: int = 0
    lost: int = 0
    last: str = ""


@dataclass(slots=True)
class NodeTally:
    """How the nodes fared since the newest controller started, by their names (the host in a worker's `host:pid`).

    The last node is never set aside: a study that can run nowhere would wait for ever, while one whose trials fail on
    it ends and says why.
    """

    _nodes: dict[str, _Node] = field(default_factory=dict)
    _aside: set[str] = field(default_factory=set)

    def apply(self, event: Event) -> None:
        """Fold one event in."""
        match event:
            case ControllerStarted():
                self._nodes.clear()
                self._aside.clear()
            case NodeSetAside():
                self._aside.add(event.node)
            case SegmentEnded() if event.worker:
                self._end(self._nodes.setdefault(event.worker.rpartition(":")[0], _Node()), event)
            case _:
                pass

    def _end(self, node: _Node, event: SegmentEnded) -> None:
        """What a trial brings on itself (it diverges, its configuration is impossible) says nothing of the node."""
        if event.outcome in {OutcomeKind.COMPLETED, OutcomeKind.PAUSED}:
            node.failed = node.lost = 0
        elif event.failure is FailureKind.NODE:
            node.failed += 1
            node.last = event.message
        elif event.failure is FailureKind.LOST:
            node.lost += 1
            node.last = event.message

    def unfit(self) -> NodeSetAside | None:
        """The node to set aside now, the first by name; None when all that are left are well, or there is but one."""
        left = {name: node for name, node in self._nodes.items() if name not in self._aside}
        if len(left) < 2:
            return None
        for name, node in sorted(left.items()):
            if node.failed >= PATIENCE:
                return NodeSetAside(node=name, reason=f"{node.failed} segments in a row failed on it: {node.last}")
            thrives = any(not other.lost for place, other in left.items() if place != name)
            if node.lost >= PATIENCE and thrives:
                return NodeSetAside(node=name, reason=f"{node.lost} segments in a row were lost on it: {node.last}")
        return None
