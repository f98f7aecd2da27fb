"""Backend: start segments, bring back what they say, stop them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from orchestrator.trial.protocol import CheckpointRef, Failed, Outcome, SegmentSpec

__all__ = ["Backend", "Beat", "Ended", "Message", "Placed", "Reported", "Saved", "Sink"]


@dataclass(frozen=True, slots=True)
class Reported:
    """An epoch of a segment is finished."""

    segment: int
    epoch: int
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Saved:
    """A checkpoint of a segment is durable."""

    segment: int
    checkpoint: CheckpointRef


@dataclass(frozen=True, slots=True)
class Ended:
    """A segment is over; nothing of it follows. `seconds` is its own run time, `worker` names node and process."""

    segment: int
    outcome: Outcome
    seconds: float
    worker: str


@dataclass(frozen=True, slots=True)
class Beat:
    """A segment is alive; not more often than every few seconds."""

    segment: int


@dataclass(frozen=True, slots=True)
class Placed:
    """A process of a cluster took a segment; `worker` names node and process. Not told where there is one machine."""

    segment: int
    worker: str


Message: TypeAlias = Placed | Reported | Saved | Beat | Ended
Sink: TypeAlias = Callable[[Message], None]


class Backend(Protocol):
    """Runs up to `slots` segments side by side.

    Messages of one segment arrive in order, and every started segment ends exactly once with `Ended`:
    a killed process or node becomes `Failed(lost)`.
    """

    @property
    def slots(self) -> int:
        """Segments that may run side by side now; on a cluster it changes with its nodes."""

    def start(self, spec: SegmentSpec) -> None:
        """Hand over a segment. Raises RuntimeError when no slot is free."""

    def pump(self, sink: Sink, timeout: float) -> None:
        """Give `sink` everything that has happened; wait at most `timeout` seconds for the first message."""

    def stop(self, segment: int, *, within: bool = False) -> None:
        """Ask a segment to pause at the end of its epoch, or `within` it. Unknown segments are ignored."""

    def end(self, segment: int, outcome: Failed) -> None:
        """End a segment's process tree at once: it counts as `outcome`. Unknown segments are ignored."""

    def avoid(self, node: str) -> None:
        """Start nothing more on the node of this name."""

    def close(self) -> None:
        """Stop at once whatever still runs and free every process. Idempotent."""
