"""What a study is after: objectives in their order, and constraints on outcomes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self, TypeAlias

from orchestrator.events.log import StudyCreated
from search_spaces.measures import Measures, measures_of
from search_spaces.model import Goal, Objective
from search_spaces.outcomes import violation

__all__ = ["Aims", "Vector"]

Vector: TypeAlias = tuple[float, ...]
_Judged: TypeAlias = tuple[Mapping[str, float], tuple[Vector | None, float]]


@dataclass(frozen=True, slots=True)
class Aims:
    """Objectives and the constraints on outcomes.

    `seed` is that of the weights that a model draws over objectives; `measures` tell which of them are fractions.
    """

    objectives: tuple[Objective, ...]
    constraints: tuple[str, ...] = ()
    seed: int = 0
    measures: Measures = field(default_factory=measures_of, compare=False, repr=False)
    _judged: dict[tuple[int, int], _Judged] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, created: StudyCreated) -> Self:
        """The aims of a study."""
        return cls(created.space.objective, created.space.outcome_constraints, created.seed, created.space.measures)

    @classmethod
    def over(cls, objectives: Sequence[Objective] | Aims) -> Aims:
        """The aims as they are, or those of objectives without constraints."""
        return objectives if isinstance(objectives, Aims) else Aims(tuple(objectives))

    @property
    def plain(self) -> bool:
        """Whether one number says everything: a single objective, no constraints."""
        return len(self.objectives) == 1 and not self.constraints

    def outcome(self, trial: int, epoch: int, metrics: Mapping[str, float]) -> tuple[Vector | None, float]:
        """`vector` and `violation` of what a trial reported at an epoch, infinite where there is no vector.

        Kept from question to question: reports are never changed.
        """
        kept = self._judged.get((trial, epoch))
        if kept is None or kept[0] is not metrics:
            vector = self.vector(metrics)
            kept = (metrics, (vector, math.inf if vector is None else self.violation(metrics)))
            self._judged[trial, epoch] = kept
        return kept[1]

    def vector(self, metrics: Mapping[str, float]) -> Vector | None:
        """The objectives' values, turned so that higher is better; None when one is missing, NaN or infinite."""
        found = []
        for objective in self.objectives:
            value = metrics.get(objective.metric, math.nan)
            if not math.isfinite(value):
                return None
            found.append(-value if objective.goal is Goal.MINIMIZE else value)
        return tuple(found)

    def violation(self, metrics: Mapping[str, float]) -> float:
        """How far the metrics are from satisfying the constraints; 0 when they satisfy all."""
        return sum([violation(text, metrics) for text in self.constraints]) if self.constraints else 0.0

    def known_broken(self, metrics: Mapping[str, float]) -> bool:
        """Whether a constraint is broken; not where the metrics that it asks for were never measured."""
        return 0 < self.violation(metrics) < math.inf

    def broken(self, metrics: Mapping[str, float]) -> tuple[str, ...]:
        """The constraints that the metrics do not satisfy."""
        return tuple(text for text in self.constraints if violation(text, metrics) > 0)
