"""`tpe`: Optuna's tree-structured Parzen estimator (Bergstra et al. 2011; Watanabe 2023), multivariate as it is there.

A single objective: trials on lower rungs are pruned ones, with their values there as intermediate ones. Optuna ranks
them below all full runs, and those of lower rungs below those of higher ones. Several objectives, for which Optuna
knows no pruned trials: the forecast at the full number of epochs.
"""

from __future__ import annotations

from collections.abc import Sequence

from optuna.samplers import TPESampler

from orchestrator.events import StudyCreated, StudyState
from orchestrator.search.samplers.by_optuna.mirror import Mirror
from orchestrator.search.samplers.by_optuna.results import Results
from orchestrator.search.samplers.by_optuna.sampler import OptunaSampler, Refused, Suggestion
from search_spaces.convert import to_optuna

__all__ = ["Tpe", "make_tpe"]

_STARTS = 10  # Optuna's default


class Tpe:
    """TPE over all trials; running ones count as bad, so that those beside them are others (`constant_liar`)."""

    attempts = 16

    def __init__(self, created: StudyCreated) -> None:
        self._results = Results(created)
        self._several = len(created.space.objective) > 1
        self._mirror = Mirror(len(created.space.objective), to_optuna(created.space))

    def suggest(self, state: StudyState, refused: Sequence[Refused], seed: int) -> Suggestion:  # noqa: ARG002 - another seed is enough
        """The point with the highest ratio of both densities among those that Optuna draws."""
        results = self._results.as_forecast(state) if self._several else self._results.as_reported(state)
        known = sum(result.kind != "running" for result in results)
        sampler = TPESampler(n_startup_trials=_STARTS, seed=seed, constant_liar=True)
        params = self._mirror.show(results).ask(sampler)
        if known < _STARTS:
            return Suggestion(
                params, modelled=False, reason=f"drawn at random: Optuna's TPE waits for {_STARTS} results"
            )
        return Suggestion(params, modelled=True, reason=f"suggested by Optuna's TPE after {known} results")


def make_tpe(created: StudyCreated) -> OptunaSampler:
    """`tpe` for a study."""
    return OptunaSampler(created, Tpe(created))
