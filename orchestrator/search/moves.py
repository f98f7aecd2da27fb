"""The one question an algorithm answers, and its answers."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Protocol, TypeAlias

from orchestrator.events import Origin, StudyState, TrialSuggested
from reid_core.config import Values

__all__ = ["Advance", "Algorithm", "Move", "NewTrial"]


@dataclass(frozen=True, slots=True)
class NewTrial:
    """Start a new trial and train it up to `to_epoch`. `bracket` is its index in the plan.

    `row` names the configuration in a space with rows; without a `seed` of its own it has the study's. With a `parent`
    it goes on from that trial's checkpoint at `from_epoch`, with values of its own, and takes the place of the trial
    that it `replaces`. `confirms` names the trial whose values it repeats with another seed.
    """

    values: Values
    origin: Origin
    reason: str
    bracket: int
    to_epoch: int
    row: str = ""
    seed: int | None = None
    parent: int | None = None
    from_epoch: int = 0
    replaces: int | None = None
    confirms: int | None = None

    def suggested(self, trial: int) -> TrialSuggested:
        """The event that puts this move into the log, as trial number `trial`."""
        told = {field.name: getattr(self, field.name) for field in fields(self)}
        return TrialSuggested(trial=trial, **told)


@dataclass(frozen=True, slots=True)
class Advance:
    """Continue a resting trial from its checkpoint up to `to_epoch`."""

    trial: int
    to_epoch: int
    reason: str


Move: TypeAlias = NewTrial | Advance


class Algorithm(Protocol):
    """Chooses what starts next. The same state gives the same move: no clock, no hidden randomness."""

    def next(self, state: StudyState) -> Move | None:
        """The next move, or None.

        Ask once for every free slot and put each answer into the log before asking again. A trial that is
        waiting (suggested, not started; or interrupted) counts as running: starting it is not a decision.
        None: nothing can start before something running ends; with nothing running or waiting, the
        search is over.
        """
