"""What changes hands in one turn, as a pure function: grants fall at once, and rise as slots become free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.service.daemon.shares import Claim, grants

__all__ = ["Seat", "settle"]


@dataclass(frozen=True, slots=True)
class Seat:
    """A study that has or waits for a controller. `running` segments hold their slots until they end.

    `going`: its controller only finishes what runs, and wants no more.
    """

    claim: Claim
    granted: int = 0
    running: int = 0
    going: bool = False

    @property
    def held(self) -> int:
        """Slots that nobody else can have now."""
        return self.running if self.going else max(self.granted, self.running)


def settle(slots: int, seats: Sequence[Seat]) -> dict[str, int]:
    """The grants from now on, of every study that is not going; 0: it waits, or its controller has to leave.

    Never more than `slots` segments run together: a grant rises when the segment that was above another one has ended.
    """
    staying = [seat for seat in seats if not seat.going]
    target = grants(slots, [seat.claim for seat in staying])
    made = {seat.claim.study: min(seat.held, target[seat.claim.study]) for seat in staying}
    held = sum(seat.running for seat in seats if seat.going)
    held += sum(max(made[seat.claim.study], seat.running) for seat in staying)
    for _ in range(slots - held):
        rising = [seat.claim for seat in staying if made[seat.claim.study] < target[seat.claim.study]]
        if not rising:
            break
        made[min(rising, key=lambda claim: (-claim.priority, made[claim.study])).study] += 1
    return made
