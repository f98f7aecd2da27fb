"""From the model's normal scores to the objective's unit, and back."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from orchestrator.search.models.gp import Floats

__all__ = ["Scale"]

_NODES = np.linspace(-5.0, 5.0, 101)
_WEIGHTS = np.exp(-0.5 * _NODES**2) / np.exp(-0.5 * _NODES**2).sum()
_MOST = 2_000_000  # numbers at once
_FINE = 4001


@dataclass(frozen=True, slots=True)
class Scale:
    """The empirical quantile function between normal scores (K,) and values (K,), both rising strictly.

    Between two results it is linear. Below the worst real value it is flat: whatever failed is worth as much. Above
    the best it goes on as steeply as it rose from the median to the best, and never leaves `least` to `most`.
    """

    scores: Floats
    values: Floats
    slope: float
    least: float = -math.inf
    most: float = math.inf

    @classmethod
    def of(cls, values: Floats, least: float = -math.inf, most: float = math.inf) -> Scale:
        """The scale of results (N,), -inf for failures, of which one at least is real. Higher is better."""
        from scipy.stats import rankdata  # noqa: PLC0415 - loads slowly

        scores = ndtri((rankdata(values) - 0.5) / len(values))
        real = np.isfinite(values)
        known, first = np.unique(np.clip(values[real], least, most), return_index=True)
        at = np.asarray(scores[real][first], dtype=np.float64)
        middle = len(known) // 2 if len(known) > 2 else 0
        rise = at[-1] - at[middle]
        slope = float((known[-1] - known[middle]) / rise) if rise > 0 else 0.0
        return cls(at, np.asarray(known, dtype=np.float64), slope, least, most)

    def units(self, scores: Floats) -> Floats:
        """Values of scores, of any shape."""
        inside = np.interp(scores, self.scores, self.values)
        above = np.maximum(scores - self.scores[-1], 0.0) * self.slope
        return np.asarray(np.clip(inside + above, self.least, self.most), dtype=np.float64)

    def scored(self, values: Floats) -> Floats:
        """Scores of values, of any shape: the inverse of `units` from the worst real value up."""
        inside = np.interp(values, self.values, self.scores)
        above = np.maximum(values - self.values[-1], 0.0)
        return np.asarray(inside + (above / self.slope if self.slope > 0 else 0.0), dtype=np.float64)

    def moments(self, mean: Floats, deviation: Floats) -> tuple[Floats, Floats]:
        """Means (M,) and standard deviations (M,) of the values of normal scores with `mean` and `deviation` (M,)."""
        found = np.empty((2, len(mean)))
        step = max(1, _MOST // len(_NODES))
        for low in range(0, len(mean), step):
            part = slice(low, low + step)
            drawn = self.units(mean[part, None] + deviation[part, None] * _NODES)
            found[0, part] = drawn @ _WEIGHTS
            found[1, part] = np.sqrt((drawn - found[0, part][:, None]) ** 2 @ _WEIGHTS)
        return found[0], found[1]

    def gains(self, mean: Floats, deviation: Floats, best: float) -> Floats:
        """Expected improvements (M,) over the value `best`, in its unit (Mockus 1978)."""
        drawn = self.units(mean[:, None] + deviation[:, None] * _NODES)
        gains: Floats = np.maximum(drawn - best, 0.0) @ _WEIGHTS
        return gains

    def joint_gain(self, mean: Floats, deviation: Floats, best: float) -> float:
        """Expected improvement of the best of several independent scores (M,) over `best`.

        Their maximum has the product of their distributions, and the scale keeps their order.
        """
        low, high = float((mean - 5 * deviation).min()), float((mean + 5 * deviation).max())
        at = np.linspace(low, high, _FINE)
        below = ndtr((at[:, None] - mean) / deviation).prod(axis=1)
        middle = self.units((at[1:] + at[:-1]) / 2)
        return float(np.maximum(middle - best, 0.0) @ np.diff(below))
