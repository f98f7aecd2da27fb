"""`nsga2` and `nsga3`: Optuna's genetic algorithms (Deb et al. 2002; Deb & Jain 2014).

Trials belong to generations by their number, a population each. The parents of a generation are chosen when the one
before is complete; a trial that is asked for earlier is another child of the parents there are. Trials on lower rungs
count with their forecast at the full number of epochs. Optuna's population of 50 is for long searches: here it is a
fifth of the plan's trials, between 4 and 50.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import NSGAIIISampler, NSGAIISampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from orchestrator.events import StudyCreated, StudyState
from orchestrator.search.samplers.by_optuna.mirror import Mirror, frozen
from orchestrator.search.samplers.by_optuna.results import Result, Results
from orchestrator.search.samplers.by_optuna.sampler import OptunaSampler, Refused, Suggestion
from search_spaces.convert import to_optuna

__all__ = ["Populations", "make_nsga2", "make_nsga3"]

_SHARE, _LEAST, _MOST = 5, 4, 50


class _Told:
    """Generations are what we say they are: `born` into the last one, and the `parents` of those."""

    space: Mapping[str, BaseDistribution] = MappingProxyType({})
    born: Sequence[FrozenTrial] = ()
    parents: Sequence[FrozenTrial] = ()

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:  # noqa: ARG002 - Optuna's signature
        """All parameters: each of our trials has a value of every one."""
        return dict(self.space)

    def get_trial_generation(self, study: Study, trial: FrozenTrial) -> int:  # noqa: ARG002 - as above
        """Any: both populations are those of the generation that is asked for."""
        return 0

    def get_population(self, study: Study, generation: int) -> list[FrozenTrial]:  # noqa: ARG002 - as above
        """Those born into the generation before."""
        return list(self.born)

    def get_parent_population(self, study: Study, generation: int) -> list[FrozenTrial]:  # noqa: ARG002 - as above
        """The parents that were chosen last."""
        return list(self.parents)


class _Nsga2(_Told, NSGAIISampler):
    """NSGA-II with our generations."""


class _Nsga3(_Told, NSGAIIISampler):
    """NSGA-III with our generations."""


_Made: TypeAlias = Callable[[int, int], _Nsga2 | _Nsga3]
"""From the population's size and a seed to a sampler."""


class Populations:
    """Generation after generation, each from parents chosen among the one before and its parents."""

    attempts = 16

    def __init__(self, created: StudyCreated, name: str, made: _Made) -> None:
        self._results = Results(created)
        self._seed, self._name, self._made = created.seed, name, made
        self._size = min(max(created.plan.trials // _SHARE, _LEAST), _MOST)
        self._distributions = to_optuna(created.space)
        self._empty = Mirror(len(created.space.objective), self._distributions)
        self._kept: list[tuple[list[Result], list[FrozenTrial]]] = []

    def suggest(self, state: StudyState, refused: Sequence[Refused], seed: int) -> Suggestion:  # noqa: ARG002 - another seed is enough
        """A child of two parents, or a random configuration before the first generation is complete."""
        known = list(takewhile(lambda result: result.kind != "running", self._results.as_forecast(state)))
        whole = len(known) // self._size * self._size
        generations = [known[place : place + self._size] for place in range(0, whole, self._size)]
        sampler = self._made(self._size, seed)
        if not generations:
            reason = f"drawn at random: the first generation of Optuna's {self._name} has {self._size} trials"
            return Suggestion(self._empty.ask(sampler), modelled=False, reason=reason)
        sampler.parents, sampler.space = self._parents(generations), self._distributions
        reason = f"a child in generation {len(generations) + 1} of Optuna's {self._name}, {self._size} trials each"
        return Suggestion(self._empty.ask(sampler), modelled=True, reason=reason)

    def _parents(self, generations: Sequence[list[Result]]) -> list[FrozenTrial]:
        """The parents of the next generation; those of earlier ones are kept while their results are the same."""
        same = sum(1 for _ in takewhile(lambda both: both[0][0] == both[1], zip(self._kept, generations, strict=False)))
        del self._kept[same:]
        for place in range(same, len(generations)):
            entropy = np.random.SeedSequence([self._seed % 2**63, place])
            sampler = self._made(self._size, int(entropy.generate_state(1)[0]))
            sampler.born = [frozen(result, self._distributions) for result in generations[place]]
            sampler.parents = self._kept[-1][1] if self._kept else []
            self._kept.append((generations[place], sampler.select_parent(self._empty.study, place + 1)))
        return self._kept[-1][1]


def make_nsga2(created: StudyCreated) -> OptunaSampler:
    """`nsga2` for a study."""
    source = Populations(created, "NSGA-II", lambda size, seed: _Nsga2(population_size=size, seed=seed))
    return OptunaSampler(created, source)


def make_nsga3(created: StudyCreated) -> OptunaSampler:
    """`nsga3` for a study."""
    return OptunaSampler(created, Populations(created, "NSGA-III", _nsga3))


def _nsga3(size: int, seed: int) -> _Nsga3:
    with warnings.catch_warnings():  # Optuna calls it experimental, of each sampler that is made
        warnings.simplefilter("ignore", ExperimentalWarning)
        return _Nsga3(population_size=size, seed=seed)
