"""Which running segments have not been heard of for too long."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from orchestrator.trial.kinds import FailureKind
from orchestrator.trial.protocol import Failed

__all__ = ["Hung", "Silence"]


@dataclass(frozen=True, slots=True)
class Hung:
    """A segment without a sign of life, and what it counts as."""

    segment: int
    outcome: Failed


class Silence:
    """When each segment was last heard of, by a clock that nobody sets; no part of the log.

    A segment counts from its first sign of life: until then it may wait for a node, which can take any time.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._heard: dict[int, float] = {}

    def heard(self, segment: int) -> None:
        """The segment is alive."""
        self._heard[segment] = self._clock()

    def forget(self, segment: int) -> None:
        """The segment is over."""
        self._heard.pop(segment, None)

    def hung(self) -> Iterator[Hung]:
        """Segments silent for too long. Ask right after all waiting messages were taken."""
        now = self._clock()
        for segment, heard in sorted(self._heard.items()):
            if now - heard >= self._seconds:
                self._heard[segment] = now  # ending it takes a while: tell this once
                message = f"no sign of life for {now - heard:.0f} s: its processes were ended"
                yield Hung(segment, Failed(FailureKind.TIMEOUT, message, retryable=True))
