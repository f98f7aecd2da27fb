"""The Pareto front of a study: what its trials reported on rungs that nothing else reported there dominates.

Counted as the tally is: a history only grows, so only new reports are looked at.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import islice

from orchestrator.events.aims import Aims
from orchestrator.events.tally import Told
from search_spaces.model import Goal

__all__ = ["FrontTally", "Placed"]

_MOST_SLICES = 200_000
"""A front that is cut into more slices has no hypervolume: it would take seconds."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A trial at an epoch, with its objectives turned so that higher is better, and how far it breaks constraints."""

    vector: tuple[float, ...]
    trial: int
    epoch: int
    violation: float = 0.0


class FrontTally:
    """The front over the reports of all trials on rungs; `count` brings it up to date."""

    def __init__(self) -> None:
        self.nearest: Placed | None = None
        """While nothing satisfies the constraints: the report that is nearest to it."""
        self._front: list[Placed] = []
        self._read: dict[int, int] = {}
        self._first: Placed | None = None
        self._aims: Aims | None = None

    def count(self, trials: Iterable[Told], aims: Aims, rungs: Collection[int]) -> FrontTally:
        """The front as of now. Of equal points that of the older trial stays."""
        if self._aims != aims:
            self.__dict__.update(FrontTally().__dict__)  # another question: counted from the start
            self._aims = aims
        for trial in trials:
            known = self._read.get(trial.id, 0)
            if known == len(trial.history):
                continue
            for epoch, metrics in islice(trial.history.items(), known, None):
                vector = aims.vector(metrics) if epoch in rungs else None
                if vector is not None:
                    self._add(Placed(vector, trial.id, epoch, aims.violation(metrics)))
            self._read[trial.id] = len(trial.history)
        return self

    @property
    def front(self) -> list[Placed]:
        """The front, the best in the first objective first."""
        return sorted(self._front, key=lambda one: (*(-value for value in one.vector), one.trial, one.epoch))

    @property
    def best(self) -> Placed | None:
        """The best in the first objective; while nothing satisfies the constraints, what is nearest to it."""
        return min(self.front, key=lambda one: -one.vector[0], default=self.nearest)

    def hypervolume(self) -> float | None:
        """The share in [0, 1] of the box between a reference point and the ideal one that the front dominates.

        Fractions reach from 0 to 1. Loss, costs and other numbers reach from twice what the study's first trial
        reported on its first rung (the recipe's default configuration, as a rule) to 0: what is worse than that adds
        nothing. So the box stays as it is while the study goes on, and the share never falls.
        None with a single objective, before the first trial reports, and where it would take too long: more than three
        objectives and a large front.
        """
        if self._aims is None or self._first is None or len(self._first.vector) < 2:
            return None
        if len(self._front) ** max(0, len(self._first.vector) - 2) > _MOST_SLICES:
            return None
        import numpy as np  # noqa: PLC0415 - only studies with several objectives need it

        from orchestrator.events.pareto import hypervolume  # noqa: PLC0415 - as above

        lows, spans = [], []
        for objective, value in zip(self._aims.objectives, self._first.vector, strict=True):
            span = 1.0 if self._aims.measures.is_fraction(objective.metric) else (2 * abs(value) or 1.0)
            spans.append(span)
            lows.append(-span if objective.goal is Goal.MINIMIZE else 0.0)
        if not self._front:
            return 0.0
        points = (np.array([one.vector for one in self._front]) - np.array(lows)) / np.array(spans)
        return hypervolume(points, np.zeros(len(lows)))

    def _add(self, placed: Placed) -> None:
        if self._first is None or (placed.trial, placed.epoch) < (self._first.trial, self._first.epoch):
            self._first = placed
        if placed.violation > 0:
            if not self._front and (self.nearest is None or _distance(placed) < _distance(self.nearest)):
                self.nearest = placed
            return
        self.nearest = None
        if not any(_stands(one, placed) for one in self._front):
            self._front = [one for one in self._front if not _stands(placed, one)]
            self._front.append(placed)


def _distance(placed: Placed) -> tuple[float, float, int, int]:
    return (placed.violation, -placed.vector[0], placed.trial, placed.epoch)


def _stands(one: Placed, other: Placed) -> bool:
    """Whether `one` makes `other` needless: it dominates it, or equals it and is of an older trial or epoch."""
    if one.vector == other.vector:
        return (one.trial, one.epoch) <= (other.trial, other.epoch)
    return all(mine >= theirs for mine, theirs in zip(one.vector, other.vector, strict=True))
