"""When a process that died is started again, and when nobody tries any more."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MOST", "QUICK_SECONDS", "Restarts"]

MOST = 5
"""So many quick deaths in a row: the next would not live longer."""
QUICK_SECONDS = 60.0
"""A process that lived longer did some work: its death says nothing about the next."""
_FIRST, _LONGEST = 0.5, 30.0


@dataclass(slots=True)
class Restarts:
    """The deaths of one child."""

    quick: int = 0
    not_before: float = 0.0

    def died(self, lived: float, now: float) -> bool:
        """Note a death at `now` after `lived` seconds. False: it is not started again."""
        self.quick = self.quick + 1 if lived < QUICK_SECONDS else 1
        self.not_before = now + min(_LONGEST, _FIRST * 2 ** (self.quick - 1))
        return self.quick < MOST

    def failed(self, now: float) -> None:
        """Note that it could not even begin: that is no death, and is tried again after the longest pause."""
        self.not_before = now + _LONGEST

    def may_start(self, now: float) -> bool:
        """Whether the pause after the last death is over."""
        return now >= self.not_before
