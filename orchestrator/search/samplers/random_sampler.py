"""`random`: the recipe's own configuration, then uniform ones (Bergstra & Bengio 2012)."""

from __future__ import annotations

import numpy as np

from orchestrator.events import Origin, StudyCreated, StudyState
from orchestrator.search.cube import Cube, Proposal

__all__ = ["RandomSampler"]


class RandomSampler:
    """Uniform configurations, none twice while others are left."""

    def __init__(self, created: StudyCreated) -> None:
        self.cube = Cube.of(created)
        self._seed = created.seed

    def propose(self, state: StudyState) -> Proposal:
        """The next configuration."""
        count = len(state.trials)
        rng = np.random.default_rng([self._seed % 2**63, count])
        seen = [trial.values for trial in state.trials.values()]
        return Proposal(self.cube.random(rng, seen), Origin.RANDOM, "drawn uniformly")
