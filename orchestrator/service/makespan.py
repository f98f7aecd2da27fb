"""How long a plan takes before it runs: its segments laid over the slots, as the brackets would start them."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

from orchestrator.events import Bracket, Plan

__all__ = ["Costs", "makespan", "segments_of"]


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds of an epoch, of what a segment takes besides its epochs, and of a worker's start.

    `memory` is the part of a GPU's memory that it takes at its peak; 0 without a GPU.
    """

    epoch: float
    segment: float = 0.0
    start: float = 0.0
    memory: float = 0.0


@dataclass(slots=True)
class _Climb:
    """A bracket on its way: how many segments to each rung have started, and how many have ended."""

    bracket: Bracket
    started: list[int] = field(init=False)
    ended: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.started = [0] * len(self.bracket.sizes)
        self.ended = [0] * len(self.bracket.sizes)

    def promotable(self) -> int | None:
        """The lowest rung index that a trial may climb to: nothing that is still out can take its place."""
        sizes = self.bracket.sizes
        for level in range(1, len(sizes)):
            certain = self.ended[level - 1] - (sizes[level - 1] - sizes[level])
            if self.started[level] < min(certain, sizes[level]):
                return level
        return None

    @property
    def over(self) -> bool:
        """Whether the last trial has reached the highest rung."""
        return self.ended[-1] == self.bracket.sizes[-1]

    def epochs_to(self, level: int) -> int:
        """Epochs of one segment to a rung."""
        rungs = self.bracket.rungs
        return rungs[level] - (rungs[level - 1] if level else 0)


def segments_of(plan: Plan) -> int:
    """How many segments a plan has."""
    return sum(sum(bracket.sizes) for bracket in plan.brackets)


def makespan(plan: Plan, workers: int, costs: Costs, repetitions: int = 0) -> float:
    """Seconds from the start to the end of a study with `workers` slots and `repetitions` full trainings at its end.

    Promotions first, then new trials of the first bracket that has room, as orchestrator.search.schedules.brackets
    starts them; slots wait where those would. Other schedules wait less, and take about as long.
    """
    slots = _Slots([_Climb(bracket) for bracket in plan.brackets], costs)
    while slots.climbs:
        while len(slots.running) < workers and slots.start():
            pass
        if not slots.running:
            break
        slots.end()
    rounds = -(-repetitions // workers)
    return costs.start + slots.now + rounds * (plan.max_epochs * costs.epoch + costs.segment)


@dataclass(slots=True)
class _Slots:
    """Segments under way. `fresh` is the first bracket with room, `open` the first that is not over."""

    climbs: list[_Climb]
    costs: Costs
    now: float = 0.0
    running: list[tuple[float, int, int]] = field(default_factory=list)  # (end, bracket, rung index)
    fresh: int = 0
    open: int = 0

    def start(self) -> bool:
        """Start the next segment; False when everything waits for what runs."""
        chosen = self._next()
        if chosen is None:
            return False
        number, level = chosen
        climb = self.climbs[number]
        climb.started[level] += 1
        if level == 0 and climb.started[0] == climb.bracket.sizes[0]:
            self.fresh += 1
        seconds = climb.epochs_to(level) * self.costs.epoch + self.costs.segment
        heapq.heappush(self.running, (self.now + seconds, number, level))
        return True

    def end(self) -> None:
        """Go on to the end of the segment that ends first."""
        self.now, number, level = heapq.heappop(self.running)
        self.climbs[number].ended[level] += 1
        while self.open < len(self.climbs) and self.climbs[self.open].over:
            self.open += 1

    def _next(self) -> tuple[int, int] | None:
        for number in range(self.open, min(self.fresh + 1, len(self.climbs))):
            level = self.climbs[number].promotable()
            if level is not None:
                return number, level
        return (self.fresh, 0) if self.fresh < len(self.climbs) else None
