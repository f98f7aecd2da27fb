"""What Optuna's samplers are told of a study: one row a trial, in the order of their numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from orchestrator.events import StudyCreated, StudyState, TrialState, TrialStatus
from orchestrator.events.aims import Aims
from orchestrator.search.cube import Cube
from orchestrator.search.score import WORST, value_at
from orchestrator.search.table import Bools, Floats, TrialTable
from reid_core.config import Scalar
from search_spaces.convert import in_optuna
from search_spaces.outcomes import violation

__all__ = ["Kind", "Result", "Results"]

Kind = str
"""running, complete or pruned."""


@dataclass(frozen=True, slots=True)
class Result:
    """A trial in Optuna's words. `values` are turned so that higher is better; pruned trials have reports instead."""

    number: int
    kind: Kind
    params: Mapping[str, Scalar]
    values: tuple[float, ...] = ()
    reports: tuple[tuple[int, float], ...] = ()
    constraints: Mapping[str, float] = field(default_factory=dict)


class Results:
    """Reads the trials of a study; what it keeps from question to question is a copy of what it would read again."""

    def __init__(self, created: StudyCreated) -> None:
        self._space, self._plan, self._seed = created.space, created.plan, created.seed
        self._aims = Aims.of(created)
        self._cube = Cube.of(created)
        self._tables = [TrialTable(created.plan.rungs, (objective,)) for objective in created.space.objective]
        self._whole: dict[int, tuple[TrialState, dict[str, Scalar]]] = {}

    def as_reported(self, state: StudyState) -> list[Result]:
        """For a single objective: full runs are complete, others pruned on their rung, failed ones without a report.

        Parameters that are inactive in a trial are missing from its `params`, as Optuna has it.
        """
        return [self._reported(trial) for trial in _by_number(state) if self._counts(trial)]

    def as_forecast(self, state: StudyState) -> list[Result]:
        """For samplers that know complete trials only: each that has reached a rung has its forecast at the highest.

        A failed one is as bad as the worst known in every objective. Inactive parameters have values, drawn once for
        each trial: they stand for no preference.
        """
        trials = _by_number(state)
        forecasts = self._forecasts(trials)
        return [
            self._forecast(trial, forecasts.get(row))
            for row, trial in enumerate(trials)
            if row in forecasts or self._counts(trial)
        ]

    def whole(self, trial: TrialState) -> dict[str, Scalar]:
        """Values of all parameters, the inactive ones drawn."""
        kept = self._whole.get(trial.id)
        if kept is None or kept[0] is not trial:
            encoder = self._cube.encoder
            point = encoder.encode(trial.values)
            rng = np.random.default_rng([self._seed % 2**63, trial.id])
            drawn = encoder.from_unit(rng.random(self._cube.dims))
            filled = np.where(np.isfinite(point), point, drawn)
            values = {
                name: codec.decode(float(x))
                for name, codec, x in zip(encoder.names, encoder.codecs, filled, strict=True)
            }
            kept = self._whole[trial.id] = (trial, in_optuna(self._space, {**values, **trial.values}))
        return kept[1]

    def _counts(self, trial: TrialState) -> bool:
        """Whether there is something to tell: not of a trial that was stopped before its first rung."""
        return trial.status is not TrialStatus.STOPPED or any(rung in trial.history for rung in self._plan.rungs)

    def _reported(self, trial: TrialState) -> Result:
        params = in_optuna(self._space, trial.values)
        if trial.status is TrialStatus.FAILED:
            return Result(trial.id, "pruned", params, constraints=self._broken({}))
        rungs = [rung for rung in self._plan.rungs if rung in trial.history]
        plain = Aims(self._aims.objectives)
        scores = [(rung, value_at(trial, rung, plain)) for rung in rungs]
        reports = tuple((rung, score) for rung, score in scores if score > WORST)
        if trial.epoch >= self._plan.max_epochs and len(reports) == len(rungs):
            top = self._broken(trial.history[self._plan.max_epochs])
            return Result(trial.id, "complete", params, (reports[-1][1],), reports, top)
        if rungs:
            return Result(trial.id, "pruned", params, (), reports, self._broken(trial.history[rungs[-1]]))
        return Result(trial.id, "running", params)

    def _forecast(self, trial: TrialState, values: tuple[float, ...] | None) -> Result:
        if values is None:
            return Result(trial.id, "running", self.whole(trial))
        reached = [rung for rung in self._plan.rungs if rung in trial.history]
        last = trial.history[reached[-1]] if reached and trial.status is not TrialStatus.FAILED else {}
        return Result(trial.id, "complete", self.whole(trial), values, (), self._broken(last))

    def _forecasts(self, trials: Sequence[TrialState]) -> dict[int, tuple[float, ...]]:
        """Every objective's forecast, by row; those that failed or lack an objective are as bad as the worst known."""
        columns: list[Floats] = []
        rows: list[int] = []
        for table in self._tables:
            known, scores = table.read(trials).forecast()
            rows = known.tolist()
            columns.append(scores)
        points = np.stack(columns, axis=1)
        sound: Bools = np.logical_and.reduce(np.isfinite(points), axis=1)
        worst = points[sound].min(axis=0) if sound.any() else np.zeros(points.shape[1])
        points = np.where(sound[:, None], points, worst)
        return {row: tuple(point) for row, point in zip(rows, points.tolist(), strict=True)}

    def _broken(self, metrics: Mapping[str, float]) -> dict[str, float]:
        """By how much each constraint on outcomes is broken; a trial without metrics breaks all."""
        return {text: min(violation(text, metrics), _MOST) for text in self._aims.constraints}


_MOST = 1e6  # Optuna's Gaussian process wants finite numbers


def _by_number(state: StudyState) -> list[TrialState]:
    """The trials of the search: neither repetitions nor forks of others, which have a configuration twice."""
    trials = (state.trials[number] for number in sorted(state.trials))
    return [trial for trial in trials if trial.confirms is None and trial.parent is None]
