"""What a Gaussian process over configuration and epoch makes of a study's curves.

Inputs are a trial's point in the cube and the logarithm of the epoch. Values are first lifted by what trials
usually gain from their rung to the last one, so that the process models differences between configurations
and not the rise that all curves share; then their ranks become quantiles of the normal distribution (normal
scores), so that one broken run cannot bend the scale.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import rankdata

from orchestrator.events import Plan, TrialState
from orchestrator.search.cube import Cube
from orchestrator.search.models.gp import Floats, GaussianProcess, Hyper, Priors, fit_hyper
from orchestrator.search.score import WORST
from orchestrator.search.table import Ints, TrialTable

__all__ = ["Belief", "Surrogate"]

_LEAST = 3
_MOST = 250
_MOST_TO_FIT = 100


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

    def __init__(self, cube: Cube, plan: Plan) -> None:
        self._cube = cube
        self._rungs = np.asarray(plan.rungs, dtype=np.int64)
        self._max_epochs = plan.max_epochs
        self._hamming = np.append(cube.unordered, False)
        self._priors = Priors(np.append(np.full(cube.dims, math.log(0.6)), 0.0))
        self._kept: tuple[bytes, Hyper] | None = None

    def belief(self, table: TrialTable, running: Sequence[TrialState]) -> Belief | None:
        """What the results say, with `running` ones at the value that is expected of them; None: too few results."""
        rows, epochs, values = self._results(table)
        if len(values) < _LEAST:
            return None
        everything = ndtri((rankdata(values) - 0.5) / len(values))
        kept = _spread(values, _MOST)
        points = self._cube.points([table.trial(row) for row in rows[kept]])
        inputs = self.inputs(points, epochs[kept])
        targets = everything[kept]
        hyper = self._hyper(inputs, targets)
        process = GaussianProcess.condition(inputs, targets, hyper, self._hamming)
        if running:
            ahead = self.inputs(self._cube.points(running), [trial.to_epoch for trial in running])
            expected, _ = process.predict(ahead)
            process = GaussianProcess.condition(
                np.vstack([inputs, ahead]), np.append(targets, expected), hyper, self._hamming
            )
        return Belief(process, float(everything.max()), len(values))

    def inputs(self, points: Floats, epochs: Sequence[int] | Ints) -> Floats:
        """Inputs (N, D + 1) of points (N, D) at epochs (N,). An inactive parameter has a value of its own."""
        inactive = np.where(self._cube.unordered, -1.0, 0.5)
        filled = np.where(np.isfinite(points), points, inactive)
        scale = math.log(self._max_epochs) if self._max_epochs > 1 else 1.0
        return np.column_stack([filled, np.log(np.asarray(epochs, dtype=np.float64)) / scale])

    def at_the_end(self, points: Floats) -> Floats:
        """Inputs (N, D + 1) of points (N, D) at the full number of epochs."""
        return self.inputs(points, [self._max_epochs] * len(points))

    def _results(self, table: TrialTable) -> tuple[Ints, Ints, Floats]:
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


def _spread(values: Floats, most: int) -> list[int]:
    """Indices of at most `most` values in their order: the best half of them, and an even choice of the rest."""
    if len(values) <= most:
        return list(range(len(values)))
    order = np.argsort(-values, kind="stable")
    best, rest = order[: most // 2], order[most // 2 :]
    even = rest[np.linspace(0, len(rest) - 1, most - len(best)).astype(np.int64)]
    return sorted(int(index) for index in (*best, *even))
