"""What one study's log adds up to, in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from orchestrator.service import progress
from orchestrator.service.kept import KeptStudy

__all__ = ["StudyCounts"]


@dataclass(frozen=True, slots=True)
class StudyCounts:
    """A study after `seq` events. `ended`: segments by (outcome, kind of failure); `best`: the first objective's."""

    seq: int
    running: int
    started: int
    ended: tuple[tuple[tuple[str, str], int], ...]
    epochs: int
    planned: int
    metric: str
    best: float | None
    per_hour: float | None
    seconds_left: float | None

    @classmethod
    def of(cls, kept: KeptStudy) -> Self:
        """Count; takes time with the number of trials, not of events."""
        state = kept.state
        metric = progress.objective_of(state).metric
        best, ran = progress.best(state), state.wall_seconds()
        return cls(
            seq=state.seq,
            running=len(state.running),
            started=state.segments,
            ended=tuple(sorted(kept.ended.items())),
            epochs=state.epochs_spent,
            planned=progress.planned_epochs(state) if state.created is not None else 0,
            metric=metric,
            best=None if best is None else best.metrics.get(metric),
            per_hour=state.epochs_spent / ran * 3600 if ran > 0 else None,
            seconds_left=progress.seconds_left(state) if state.created is not None else None,
        )
