"""`cma-es`: Optuna's covariance matrix adaptation evolution strategy (Hansen 2016, arXiv:1604.00772) over the numbers.

Choices, and numbers in a space with fewer than two, come from Optuna's TPE, as Optuna's manual advises. CMA-ES learns a
generation at a time and in order: results are told in the order of the trials' numbers up to the first that is still
out. Trials on lower rungs count with their forecast at the full number of epochs. Those that break a constraint on
outcomes count as the worst.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import takewhile
from math import log

from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import CmaEsSampler, TPESampler
from optuna.study import Study

from orchestrator.events import StudyCreated, StudyState
from orchestrator.search.samplers.by_optuna.mirror import Mirror
from orchestrator.search.samplers.by_optuna.results import Result, Results
from orchestrator.search.samplers.by_optuna.sampler import OptunaSampler, Refused, Suggestion
from reid_core.config import Scalar
from search_spaces.convert import to_optuna

__all__ = ["CmaEs", "make_cma_es"]


class CmaEs:
    """CMA-ES for the numbers, TPE for the rest."""

    attempts = 16

    def __init__(self, created: StudyCreated) -> None:
        self._results = Results(created)
        every = to_optuna(created.space)
        numbers = {name: one for name, one in every.items() if not isinstance(one, CategoricalDistribution)}
        self._numbers = numbers if len(numbers) > 1 else {}
        self._others = {name: one for name, one in every.items() if name not in self._numbers}
        self._mirror = Mirror(1, every)
        self._chain = _Chain(created.seed, self._numbers)

    def suggest(self, state: StudyState, refused: Sequence[Refused], seed: int) -> Suggestion:  # noqa: ARG002 - another seed is enough
        """A point of the distribution that the results so far have shaped."""
        results = self._results.as_forecast(state)
        known = _lowered(list(takewhile(lambda result: result.kind != "running", results)))
        params: dict[str, Scalar] = {}
        if self._others:
            params |= self._mirror.show(results).ask(TPESampler(seed=seed), self._others)
        if self._numbers:
            params |= self._chain.told(known).ask(seed)
        if not known:
            return Suggestion(params, modelled=False, reason="drawn at random: Optuna's CMA-ES waits for a result")
        return Suggestion(params, modelled=True, reason=f"drawn from Optuna's CMA-ES after {len(known)} results")


class _Chain:
    """CMA-ES told one result after the other, as if Optuna had suggested each when all before it were known.

    Optuna keeps its state in its trials, the newest two generations say all. So does this: a question is put to a
    copy of those, and leaves no trace.
    """

    def __init__(self, seed: int, distributions: Mapping[str, BaseDistribution]) -> None:
        self._seed, self._distributions = seed % 2**31, dict(distributions)
        self._size = 4 + int(3 * log(max(len(distributions), 1)))  # Hansen 2016, equation 48
        self._study = self._begun()
        self._told: list[Result] = []

    def told(self, results: Sequence[Result]) -> _Chain:
        """Tell what is new; begin again when something told has changed."""
        if list(results[: len(self._told)]) != self._told:
            self._study, self._told = self._begun(), []
        for result in results[len(self._told) :]:
            if len(self._study.get_trials(deepcopy=False)) > 6 * self._size:
                self._study = self._copied()
            self._study.sampler = self._sampler((self._seed + len(self._told)) % 2**31)
            self._study.enqueue_trial({name: result.params[name] for name in self._distributions})
            self._study.tell(self._study.ask(self._distributions), result.values[0])
            self._told.append(result)
        return self

    def ask(self, seed: int) -> dict[str, Scalar]:
        """A point drawn with `seed`."""
        study = self._copied()
        study.sampler = self._sampler(seed)
        return dict(study.ask(self._distributions).params)

    def _sampler(self, seed: int) -> CmaEsSampler:
        return CmaEsSampler(seed=seed, popsize=self._size, warn_independent_sampling=False)

    def _begun(self) -> Study:
        return Mirror(1, self._distributions).study

    def _copied(self) -> Study:
        study = self._begun()
        study.add_trials(self._study.get_trials(deepcopy=False)[-2 * self._size :])
        return study


def _lowered(results: Sequence[Result]) -> list[Result]:
    """Results that break a constraint as bad as the worst: CMA-ES knows no constraints."""
    worst = min((result.values for result in results), default=())
    return [replace(result, values=worst) if any(result.constraints.values()) else result for result in results]


def make_cma_es(created: StudyCreated) -> OptunaSampler:
    """`cma-es` for a study."""
    return OptunaSampler(created, CmaEs(created))
