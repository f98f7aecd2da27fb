"""Our trials as a study of Optuna's."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection, load_study
from optuna.trial import FrozenTrial, TrialState, create_trial

from orchestrator.search.samplers.by_optuna.results import Result
from reid_core.config import Scalar

__all__ = ["Mirror", "frozen"]

# Optuna tells of every study that is made in memory, and of each search of its GP that ends early.
logging.getLogger("optuna.storages").setLevel(logging.WARNING)
logging.getLogger("optuna._gp").setLevel(logging.ERROR)

_STATES = {"running": TrialState.RUNNING, "complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED}


def frozen(result: Result, distributions: Mapping[str, BaseDistribution]) -> FrozenTrial:
    """A result as Optuna's trial. Without reports a pruned one counts as worse than any with them."""
    given: dict[str, Any] = {"constraints": dict(result.constraints)} if result.constraints else {}
    trial = create_trial(
        state=_STATES[result.kind],
        values=list(result.values) if result.kind == "complete" else None,
        params=dict(result.params),
        distributions={name: distributions[name] for name in result.params},
        intermediate_values=dict(result.reports),
        **given,
    )
    trial.number = result.number
    return trial


class Mirror:
    """An Optuna study in memory, which maximises every objective, kept in step with the results that it is shown.

    A result more, or a running trial that ended, is added; when anything else changed the study is built again: what
    it says depends on the last results shown and on nothing before.
    """

    def __init__(self, objectives: int, distributions: Mapping[str, BaseDistribution]) -> None:
        self._objectives, self._distributions = objectives, dict(distributions)
        self._shown: list[Result] = []
        self._numbers: list[int] = []
        self._begin()

    def show(self, results: Sequence[Result]) -> Mirror:
        """Bring the study up to date."""
        changed = [place for place, (old, new) in enumerate(zip(self._shown, results, strict=False)) if old != new]
        if len(self._shown) > len(results) or not all(_follows(self._shown[at], results[at]) for at in changed):
            self._begin()
            changed = []
        for place in changed:
            self._end(self._numbers[place], results[place])
        for result in results[len(self._shown) :]:
            trial = frozen(result, self._distributions)
            self._numbers.append(self._storage.create_new_trial(self._number, template_trial=trial))
        self._shown = list(results)
        return self

    def ask(self, sampler: BaseSampler, wanted: Mapping[str, BaseDistribution] | None = None) -> dict[str, Scalar]:
        """What `sampler` suggests for all parameters, or for those of `wanted`; it leaves no trace in the study."""
        self.study.sampler = sampler
        trial = self.study.ask(dict(self._distributions if wanted is None else wanted))
        self.study.tell(trial, state=TrialState.FAIL)
        return dict(trial.params)

    def _begin(self) -> None:
        """An empty study."""
        self._storage = InMemoryStorage()
        self._number = self._storage.create_new_study([StudyDirection.MAXIMIZE] * self._objectives)
        name = self._storage.get_study_name_from_id(self._number)
        self.study = load_study(study_name=name, storage=self._storage)
        self._shown, self._numbers = [], []

    def _end(self, number: int, result: Result) -> None:
        """End a running trial with its result."""
        for epoch, value in result.reports:
            self._storage.set_trial_intermediate_value(number, epoch, value)
        self._storage.set_trial_state_values(number, _STATES[result.kind], result.values or None)


def _follows(old: Result, new: Result) -> bool:
    """Whether a running trial has ended with this result, and Optuna can be told so."""
    same = (old.number, old.params) == (new.number, new.params)
    return same and old.kind == "running" and new.kind != "running" and not new.constraints
