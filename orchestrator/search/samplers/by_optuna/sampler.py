"""A sampler of Optuna's as one of ours: opening configurations, constraints, origins and reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from orchestrator.events import Origin, StudyCreated, StudyState
from orchestrator.search.cube import Cube, Proposal
from reid_core.config import Scalar, Values
from search_spaces.convert import from_optuna

__all__ = ["OptunaSampler", "Refused", "Source", "Suggestion"]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What Optuna suggests; `modelled`: from what it learnt, not at random."""

    params: dict[str, Scalar]
    modelled: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A suggestion that cannot be tried: it breaks a constraint (`broken`), or was tried before."""

    params: dict[str, Scalar]
    broken: bool


class Source(Protocol):
    """One of Optuna's samplers over a study's trials. It is asked `attempts` times for one configuration."""

    attempts: int

    def suggest(self, state: StudyState, refused: Sequence[Refused], seed: int) -> Suggestion:
        """The suggestion for the next trial, a function of the arguments alone.

        `refused` are those that it made for this trial already, each asked for with another seed.
        """


class OptunaSampler:
    """What Optuna suggests.

    A suggestion that breaks a constraint, or was tried before, is asked for again with another seed; after
    several of them a configuration is drawn uniformly.
    """

    def __init__(self, created: StudyCreated, source: Source) -> None:
        self._space, self._base, self._seed = created.space, created.base, created.seed
        self.cube = Cube.of(created)
        self._source = source

    def propose(self, state: StudyState) -> Proposal:
        """The next configuration."""
        count = len(state.trials)
        seen = [trial.values for trial in state.trials.values()]
        refused: list[Refused] = []
        for attempt in range(self._source.attempts):
            entropy = np.random.SeedSequence([self._seed % 2**63, count, attempt])
            suggestion = self._source.suggest(state, refused, int(entropy.generate_state(1)[0]))
            values = self._configuration(suggestion.params)
            broken = self.cube.encoder.broken(values) is not None
            if not broken and values not in seen:
                origin = Origin.MODEL if suggestion.modelled else Origin.RANDOM
                return Proposal(values, origin, suggestion.reason)
            refused.append(Refused(suggestion.params, broken))
        rng = np.random.default_rng([self._seed % 2**63, count])
        reason = f"drawn uniformly: {len(refused)} suggestions of Optuna's broke a constraint or were tried before"
        return Proposal(self.cube.random(rng, seen), Origin.RANDOM, reason)

    def _configuration(self, params: dict[str, Scalar]) -> Values:
        """The values of active parameters, those of the space to the last digit."""
        encoder = self.cube.encoder
        return encoder.decode(encoder.encode(from_optuna(self._space, self._base, params)))
