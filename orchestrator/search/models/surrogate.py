"""What a Gaussian process over configuration and epoch makes of a study's curves.

Inputs are a trial's point in the cube and the logarithm of the epoch. Values are first lifted by what trials
usually gain from their rung to the last one, so that the process models differences between configurations
and not the rise that all curves share; then their ranks become quantiles of the normal distribution (normal
scores), so that one broken run cannot bend the scale.

Results of earlier studies on other data are ranked among themselves, and one more column tells the studies apart: how
much they have in common is one of the process's length scales, learnt with the others (multi-task Bayesian
optimisation, Swersky, Snoek & Adams 2013, with one correlation for all pairs).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from orchestrator.events import Plan, TrialState
from orchestrator.search.cube import Cube
from orchestrator.search.models.earlier import Earlier
from orchestrator.search.models.gp import Floats, GaussianProcess, Hyper, Priors, fit_hyper
from orchestrator.search.score import WORST
from orchestrator.search.table import Ints, TrialTable

__all__ = ["Belief", "Surrogate"]

_LEAST = 3
_MOST = 250
_MOST_TO_FIT = 100
_LENGTH = 0.6
_OTHER_DATA = 1.5  # the same configuration on other data: a correlation of .7 before anything is known


@dataclass(frozen=True, slots=True)
class Belief:
    """A fitted process, and the best target that was seen."""

    process: GaussianProcess
    best: float
    results: int

    def improvement(self, inputs: Floats) -> Floats:
        """Expected improvement (M,) over the best at `inputs` (M, D + 1), in normal scores (Mockus 1978)."""
        mean, deviation = self.process.predict(inputs)
        gap = (mean - self.best) / deviation
        density = np.exp(-0.5 * gap**2) / math.sqrt(2.0 * math.pi)
        improvement: Floats = deviation * (gap * ndtr(gap) + density)
        return improvement


class Surrogate:
    """Builds beliefs from states. Keeps the last hyperparameters, which depend on the results alone."""

    def __init__(self, cube: Cube, plan: Plan, earlier: Earlier | None = None) -> None:
        self._cube = cube
        self._rungs = np.asarray(plan.rungs, dtype=np.int64)
        self._max_epochs = plan.max_epochs
        self._earlier = earlier if earlier is not None and len(earlier) else None
        self._several = self._earlier is not None and self._earlier.elsewhere
        further = [True] * self._several
        self._hamming = np.array([*cube.unordered, False, *further])
        lengths = [math.log(_LENGTH)] * cube.dims + [0.0] + [math.log(_OTHER_DATA)] * self._several
        self._priors = Priors(np.array(lengths))
        self._kept: tuple[bytes, Hyper] | None = None

    def belief(self, table: TrialTable, running: Sequence[TrialState]) -> Belief | None:
        """What the results say, with `running` ones at the value that is expected of them; None: too few results."""
        found = self._results(table)
        if found is None:
            return None
        inputs, targets, best, results = found
        hyper = self._hyper(inputs, targets)
        process = GaussianProcess.condition(inputs, targets, hyper, self._hamming)
        if running:
            ahead = self.inputs(self._cube.points(running), [trial.to_epoch for trial in running])
            expected, _ = process.predict(ahead)
            process = GaussianProcess.condition(
                np.vstack([inputs, ahead]), np.append(targets, expected), hyper, self._hamming
            )
        return Belief(process, best, results)

    def inputs(self, points: Floats, epochs: Sequence[int] | Ints, studies: Ints | int = 0) -> Floats:
        """Inputs (N, D + 1), or D + 2 beside other data, of points (N, D) at epochs (N,) of this or other `studies`.

        An inactive parameter has a value of its own.
        """
        inactive = np.where(self._cube.unordered, -1.0, 0.5)
        filled = np.where(np.isfinite(points), points, inactive)
        scale = math.log(self._max_epochs) if self._max_epochs > 1 else 1.0
        columns = [filled, np.log(np.asarray(epochs, dtype=np.float64)) / scale]
        if self._several:
            columns.append(np.broadcast_to(np.asarray(studies, dtype=np.float64), len(points)))
        return np.column_stack(columns)

    def at_the_end(self, points: Floats) -> Floats:
        """Inputs of points (N, D) at the full number of epochs."""
        return self.inputs(points, [self._max_epochs] * len(points))

    def compared(self, table: TrialTable) -> Floats:
        """All lifted values (K,) whose ranks are the targets of this study's data."""
        own = self._own(table)[2]
        before = self._earlier
        return own if before is None else np.append(own, before.values[before.studies == 0])

    def _results(self, table: TrialTable) -> tuple[Floats, Floats, float, int] | None:
        """Inputs and targets (K, ...) of all results, the best target of this study's data, and their number.

        None while there are too few.
        """
        rows, epochs, values = self._own(table)
        before = self._earlier
        if len(values) + (0 if before is None else len(before)) < _LEAST:
            return None
        kept = _spread(values, _MOST)
        points = self._cube.points([table.trial(row) for row in rows[kept]])
        if before is None:
            targets = _normal_scores(values)
            return self.inputs(points, epochs[kept]), targets[kept], float(targets.max()), len(values)
        studies = np.concatenate([np.zeros(len(values), dtype=np.int64), before.studies])
        targets = np.empty(len(studies))
        everything = np.append(values, before.values)
        for study in np.unique(studies):
            targets[studies == study] = _normal_scores(everything[studies == study])
        inputs = np.vstack(
            [self.inputs(points, epochs[kept]), self.inputs(before.points, before.rungs, before.studies)]
        )
        here = targets[studies == 0]
        chosen = np.append(targets[: len(values)][kept], targets[len(values) :])
        return inputs, chosen, float(here.max()) if len(here) else float(targets.max()), len(studies)

    def _own(self, table: TrialTable) -> tuple[Ints, Ints, Floats]:
        """Every value at every rung as rows, rungs and lifted values (K,); a failed trial counts where it failed."""
        known = np.column_stack([table.reached, table.failed])
        rungs = np.broadcast_to(self._rungs, table.reached.shape)
        epochs = np.column_stack([rungs, table.targets])
        values = np.column_stack([table.on_rungs + np.asarray(table.lifts()), np.full(len(table), WORST)])
        return np.nonzero(known)[0], epochs[known], values[known]

    def _hyper(self, inputs: Floats, targets: Floats) -> Hyper:
        key = inputs.tobytes() + targets.tobytes()
        if self._kept is None or self._kept[0] != key:
            few = _spread(targets, _MOST_TO_FIT)
            self._kept = (key, fit_hyper(inputs[few], targets[few], self._hamming, self._priors))
        return self._kept[1]


def _normal_scores(values: Floats) -> Floats:
    """Quantiles of the normal distribution (N,) in place of the ranks of `values` (N,); ties share one."""
    from scipy.stats import rankdata  # noqa: PLC0415 - loads slowly

    scores: Floats = ndtri((rankdata(values) - 0.5) / len(values))
    return scores


def _spread(values: Floats, most: int) -> list[int]:
    """Indices of at most `most` values in their order: the best half of them, and an even choice of the rest."""
    if len(values) <= most:
        return list(range(len(values)))
    order = np.argsort(-values, kind="stable")
    best, rest = order[: most // 2], order[most // 2 :]
    even = rest[np.linspace(0, len(rest) - 1, most - len(best)).astype(np.int64)]
    return sorted(int(index) for index in (*best, *even))
