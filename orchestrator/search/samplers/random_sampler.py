"""`random`: the recipe's own configuration, then uniform ones, on the same brackets as `bohb`.

It differs from bohb in nothing but the model, so that the two can be compared. Without early stopping it is
a plan with one rung (min_epochs equal to max_epochs): every trial is then a full run.
"""

from __future__ import annotations

import numpy as np

from orchestrator.events import Origin, StudyCreated, StudyState
from orchestrator.search.cube import Cube, Proposal
from orchestrator.search.schedules.scheduled import BracketSearch

__all__ = ["RandomSampler", "make_random"]


class RandomSampler:
    """Uniform configurations after the opening ones, none twice while others are left."""

    def __init__(self, created: StudyCreated) -> None:
        self._cube = Cube(created.space, created.base)
        self._seed = created.seed

    def propose(self, state: StudyState) -> Proposal:
        """The next configuration."""
        count = len(state.trials)
        if count < len(self._cube.opening):
            return self._cube.opening[count]
        rng = np.random.default_rng([self._seed % 2**63, count])
        seen = [trial.values for trial in state.trials.values()]
        return Proposal(self._cube.random(rng, seen), Origin.RANDOM, "drawn uniformly")


def make_random(created: StudyCreated) -> BracketSearch:
    """`random` for a study."""
    return BracketSearch(created, RandomSampler(created))
