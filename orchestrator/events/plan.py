"""How a number of trials is laid out over the rungs, as data. orchestrator.search.plan makes it."""

from __future__ import annotations

from functools import cached_property

from pydantic import BaseModel, ConfigDict

__all__ = ["Bracket", "Plan"]


class Bracket(BaseModel):
    """Trials that climb together: `sizes[i]` of them are trained up to epoch `rungs[i]`."""

    model_config = ConfigDict(frozen=True)

    rungs: tuple[int, ...]
    sizes: tuple[int, ...]

    @cached_property
    def epochs(self) -> int:
        """Epochs the whole bracket costs; a promoted trial pays only for its new epochs."""
        before = (0, *self.rungs[:-1])
        return sum(size * (rung - low) for size, rung, low in zip(self.sizes, self.rungs, before, strict=True))


class Plan(BaseModel):
    """The layout of a study: the shared rung grid, the brackets on it, and what they cost."""

    model_config = ConfigDict(frozen=True)

    max_epochs: int
    min_epochs: int
    eta: int
    rungs: tuple[int, ...]
    brackets: tuple[Bracket, ...]

    @property
    def place(self) -> Bracket:
        """Room for one trial that nobody competes with, from the lowest rung to the top."""
        return Bracket(rungs=self.rungs, sizes=(1,) * len(self.rungs))

    @property
    def trials(self) -> int:
        """Number of configurations the plan tries."""
        return sum(bracket.sizes[0] for bracket in self.brackets)

    @property
    def epochs(self) -> int:
        """Epochs that the plan costs in all."""
        return sum(bracket.epochs for bracket in self.brackets)

    @property
    def full_epochs(self) -> int:
        """Epochs that the same number of trials would cost without early stopping."""
        return self.trials * self.max_epochs
