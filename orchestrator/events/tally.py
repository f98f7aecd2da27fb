"""What a study's reported epochs add up to, counted once: readers ask again and again, a history only grows."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from search_spaces.model import Goal, Objective

__all__ = ["Tally", "Told", "TrialTally"]


class Told(Protocol):
    """A trial as far as it is counted here."""

    @property
    def id(self) -> int:
        """Its number."""

    @property
    def history(self) -> dict[int, dict[str, float]]:
        """Metrics by epoch, in the order of the reports."""


@dataclass(slots=True)
class TrialTally:
    """One trial's sums. Scores are turned so that higher is better; None: no epoch has one."""

    reports: int = 0
    best: float | None = None
    epoch: int = 0


class Tally:
    """Sums over the reported epochs of all trials; `count` brings them up to date and looks at new reports alone."""

    def __init__(self, objective: Objective | None = None) -> None:
        self.best: tuple[float, int, int] | None = None
        self.seconds = 0.0
        self.timed = 0
        self._objective = objective
        self._mark = 0
        self._trials: dict[int, TrialTally] = {}

    def count(self, trials: Iterable[Told], objective: Objective, mark: int = 0) -> Tally:
        """The sums as of now: `best` (score, trial, epoch), `seconds` over the `timed` epochs that tell theirs.

        A `mark` (not 0) that is the same as last time says that nothing was reported since.
        """
        if mark and mark == self._mark and objective == self._objective:
            return self
        if objective is not self._objective and objective != self._objective:
            self.__dict__.update(Tally(objective).__dict__)  # another question: counted from the start
        for trial in trials:
            known = self._trials.get(trial.id)
            if known is None:
                known = self._trials[trial.id] = TrialTally()
            if known.reports != len(trial.history):
                self._add(trial, known, objective)
        self._mark = mark
        return self

    def of(self, trial: int) -> TrialTally:
        """One trial's sums."""
        return self._trials.get(trial) or TrialTally()

    def _add(self, trial: Told, known: TrialTally, objective: Objective) -> None:
        sign = 1.0 if objective.goal is Goal.MAXIMIZE else -1.0
        for epoch, metrics in islice(trial.history.items(), known.reports, None):
            if "seconds" in metrics:
                self.seconds += metrics["seconds"]
                self.timed += 1
            value = metrics.get(objective.metric)
            if value is None or math.isnan(value):
                continue
            score = sign * value
            if known.best is None or (score, -epoch) > (known.best, -known.epoch):
                known.best, known.epoch = score, epoch
        known.reports = len(trial.history)
        if known.best is not None:
            entry = (known.best, -trial.id, -known.epoch)
            if self.best is None or entry > (self.best[0], -self.best[1], -self.best[2]):
                self.best = (known.best, trial.id, known.epoch)
