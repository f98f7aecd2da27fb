"""Who gets how many slots, as a pure function of what the studies want."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

__all__ = ["Claim", "grants"]


@dataclass(frozen=True, slots=True)
class Claim:
    """What a study asks for: `wanted` slots, never more than `max_slots`; `weight` counts within its `priority`."""

    study: str
    wanted: int
    weight: float = 1.0
    priority: int = 0
    max_slots: int | None = None

    @property
    def room(self) -> int:
        """The most slots that it may be given."""
        return max(0, self.wanted if self.max_slots is None else min(self.wanted, self.max_slots))


def grants(slots: int, claims: Iterable[Claim]) -> dict[str, int]:
    """Slots for each study, together at most `slots`. The order of `claims` is the queue: the first is served first.

    A higher priority is served first. Within one, every study gets a slot before any gets a second (the first of the
    queue, where there are more studies than slots), and the rest is dealt by weight: each slot goes to the study with
    the most weight for what it has (Webster's highest averages; a tie to the first). Unlike a largest remainder, this
    never takes a slot from a study because one is added, which would pause its segment for nothing. No slot is left
    while anybody has room for it.
    """
    made: dict[str, int] = {}
    left = max(0, slots)
    ordered = sorted(claims, key=lambda claim: -claim.priority)  # stable: the queue's order within a priority
    for _, group in groupby(ordered, key=lambda claim: claim.priority):
        dealt = _deal(left, list(group))
        left -= sum(dealt.values())
        made |= dealt
    return made


def _deal(slots: int, claims: list[Claim]) -> dict[str, int]:
    """The slots of one priority."""
    given = {claim.study: 0 for claim in claims}
    for claim in claims:
        if slots and claim.room:
            given[claim.study] = 1
            slots -= 1
    while slots:
        open_claims = [claim for claim in claims if given[claim.study] < claim.room]
        if not open_claims:
            break
        next_one = max(open_claims, key=lambda claim: claim.weight / (2 * given[claim.study] + 1))  # max: the first
        given[next_one.study] += 1
        slots -= 1
    return given
