"""`gp`: Optuna's Gaussian process with (logarithmic) expected improvement, or hypervolume improvement.

It knows complete trials only: those on lower rungs count with their forecast at the full number of epochs. Its cost
grows with the cube of the trials, so that it sees the best and the newest ones at most. Its suggestion depends little
on the seed: one that cannot be tried is told before it is asked again, as a bad result where it breaks a constraint, as
a running trial where it was tried before.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import GPSampler, TPESampler

from orchestrator.events import StudyCreated, StudyState
from orchestrator.search.samplers.by_optuna.mirror import Mirror
from orchestrator.search.samplers.by_optuna.results import Result, Results
from orchestrator.search.samplers.by_optuna.sampler import OptunaSampler, Refused, Suggestion
from search_spaces.convert import to_optuna

__all__ = ["GaussianProcess", "make_gp"]

_STARTS = 10  # Optuna's default
_BEST, _NEWEST = 150, 150


class GaussianProcess:
    """Optuna's GP over the trials; running ones count through what it expects of them."""

    attempts = 4

    def __init__(self, created: StudyCreated) -> None:
        self._results = Results(created)
        self._mirror = Mirror(len(created.space.objective), to_optuna(created.space))

    def suggest(self, state: StudyState, refused: Sequence[Refused], seed: int) -> Suggestion:
        """The point that Optuna's search of its acquisition function ends at."""
        results = _seen(self._results.as_forecast(state))
        known = sum(result.kind == "complete" for result in results)
        results += _told(refused, results) if known >= _STARTS else []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            sampler = GPSampler(
                n_startup_trials=_STARTS,
                seed=seed,
                independent_sampler=TPESampler(seed=seed),
                warn_independent_sampling=False,
            )
            params = self._mirror.show(results).ask(sampler)
        if known < _STARTS:
            reason = f"drawn at random: Optuna's Gaussian process waits for {_STARTS} results"
            return Suggestion(params, modelled=False, reason=reason)
        return Suggestion(params, modelled=True, reason=f"suggested by Optuna's Gaussian process over {known} results")


def _seen(results: Sequence[Result]) -> list[Result]:
    """The best, the newest, and the newest running ones, in the order of their numbers."""
    complete = [result for result in results if result.kind == "complete"]
    running = [result for result in results if result.kind == "running"][-_NEWEST:]
    if len(complete) > _BEST + _NEWEST:
        older = sorted(complete[:-_NEWEST], key=lambda result: (result.values, -result.number), reverse=True)
        complete = [*older[:_BEST], *complete[-_NEWEST:]]
    return sorted([*complete, *running], key=lambda result: result.number)


def _told(refused: Sequence[Refused], results: Sequence[Result]) -> list[Result]:
    """Refused suggestions as results, behind all others."""
    complete = [result for result in results if result.kind == "complete"]
    worst = tuple(min(values) for values in zip(*(result.values for result in complete), strict=True))
    constraints = dict.fromkeys(complete[0].constraints, 0.0)
    last = max(result.number for result in results)
    return [
        Result(number, "complete", one.params, worst, (), constraints)
        if one.broken
        else Result(number, "running", one.params)
        for number, one in enumerate(refused, start=last + 1)
    ]


def make_gp(created: StudyCreated) -> OptunaSampler:
    """`gp` for a study."""
    return OptunaSampler(created, GaussianProcess(created))
