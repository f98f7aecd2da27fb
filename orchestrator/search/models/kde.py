"""Product kernel densities over the unit cube, as BOHB and TPE use them.

Numbers and ordered choices: a normal kernel truncated to [0, 1]. Unordered choices: Aitchison & Aitken 1976.
Bandwidths: the normal reference rule of statsmodels, never below a floor. A column that is NaN (the
parameter is inactive there) is neutral: it multiplies by the uniform density.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

__all__ = ["Axes", "Density", "Floats"]

Floats = npt.NDArray[np.float64]

_ROOT_2PI = float(np.sqrt(2.0 * np.pi))
_WIDEST = 0.5


@dataclass(frozen=True, slots=True)
class Axes:
    """The columns of the cube: `levels` (D,) is the number of unordered values, 0 for a column with distance.

    `floor` (D,) is the smallest bandwidth that makes sense: half a step of a discrete column.
    """

    levels: npt.NDArray[np.int64]
    floor: Floats


@dataclass(frozen=True, slots=True)
class Density:
    """A weighted mixture of product kernels: `points` (N, D), `weights` (N,) that sum to 1, `widths` (N, D)."""

    axes: Axes
    points: Floats
    weights: Floats
    widths: Floats

    @classmethod
    def estimate(cls, axes: Axes, points: Floats, weights: Floats, *, floor: float) -> Density:
        """A density at `points` (N, D) with the normal reference rule's bandwidths, at least `floor`."""
        share = weights / weights.sum()
        effective = 1.0 / float((share**2).sum())
        known = np.isfinite(points)
        mass = np.where(known, share[:, None], 0.0)
        total = np.maximum(mass.sum(0), 1e-12)
        filled = np.where(known, points, 0.0)
        centre = (mass * filled).sum(0) / total
        spread = np.sqrt((mass * np.where(known, points - centre, 0.0) ** 2).sum(0) / total)
        for column in np.flatnonzero(axes.levels):
            spread[column] = _variety(points[:, column], mass[:, column] / total[column])
        rule = 1.059 * spread * effective ** (-1.0 / (4 + points.shape[1]))
        width = np.clip(rule, np.maximum(axes.floor, floor), _widest(axes))
        return cls(axes, points, share, np.tile(width, (len(points), 1)))

    def with_point(self, point: Floats, weight: float, width: float) -> Density:
        """The same mixture with one more kernel at `point` (D,), `weight` of the whole, `width` wide."""
        return Density(
            self.axes,
            np.vstack([self.points, point]),
            np.append(self.weights * (1.0 - weight), weight),
            np.vstack([self.widths, np.minimum(_widest(self.axes), width)]),
        )

    def log_density(self, at: Floats) -> Floats:
        """The logarithm of the density at `at` (M, D): (M,)."""
        kernels = self._log_kernels(at).sum(axis=2) + np.log(self.weights)
        top = kernels.max(axis=1)
        result: Floats = top + np.log(np.exp(kernels - top[:, None]).sum(axis=1))
        return result

    def expect(self, at: Floats, values: Floats) -> Floats:
        """Kernel regression (Nadaraya & Watson 1964): what `values` (N,) at the points say at `at` (M, D)."""
        kernels = self._log_kernels(at).sum(axis=2) + np.log(self.weights)
        share = np.exp(kernels - kernels.max(axis=1)[:, None])
        result: Floats = share @ values / share.sum(axis=1)
        return result

    def draw(self, rng: np.random.Generator, count: int, *, widen: float) -> Floats:
        """`count` points (count, D), each near a point of the mixture, with bandwidths times `widen`."""
        chosen = rng.choice(len(self.points), size=count, p=self.weights)
        centre, width = self.points[chosen], self.widths[chosen]
        unit = rng.random(centre.shape)
        anywhere = np.where(self.axes.levels > 0, np.floor(unit * self.axes.levels), unit)
        centre = np.where(np.isfinite(centre), centre, anywhere)
        drawn = _truncated_normal(rng, centre, np.minimum(width * widen, 1.0))
        for column in np.flatnonzero(self.axes.levels):
            levels = int(self.axes.levels[column])
            other = rng.integers(levels, size=count).astype(np.float64)
            jump = rng.random(count) < np.minimum(width[:, column] * widen, 1.0)
            drawn[:, column] = np.where(jump, other, centre[:, column])
        return drawn

    def _log_kernels(self, at: Floats) -> Floats:
        """Logarithm of each kernel's factor: (M, N, D)."""
        centre, width = self.points[None], self.widths[None]
        offset = (at[:, None, :] - centre) / width
        inside = ndtr((1.0 - centre) / width) - ndtr(-centre / width)
        normal = -0.5 * offset**2 - np.log(_ROOT_2PI * width * inside)
        levels = self.axes.levels
        same = np.abs(at[:, None, :] - centre) < 1e-6
        others = np.maximum(levels - 1, 1)
        unordered = np.log(np.where(same, 1.0 - width, width / others))
        logs = np.where(levels > 0, unordered, normal)
        uniform = -np.log(np.maximum(levels, 1))
        result: Floats = np.where(np.isfinite(logs), logs, uniform)
        return result


def _widest(axes: Axes) -> Floats:
    """The bandwidth (D,) at which a kernel is as good as uniform."""
    return np.where(axes.levels > 0, 1.0 - 1.0 / np.maximum(axes.levels, 1), _WIDEST)


def _variety(column: Floats, share: Floats) -> float:
    """How mixed the categories in a column are: 0 when all are the same (Gini impurity)."""
    values = np.unique(column[np.isfinite(column)])
    return 1.0 - sum(float(share[column == value].sum()) ** 2 for value in values)


def _truncated_normal(rng: np.random.Generator, centre: Floats, width: Floats) -> Floats:
    low, high = ndtr(-centre / width), ndtr((1.0 - centre) / width)
    quantile = low + rng.random(centre.shape) * (high - low)
    drawn: Floats = np.clip(centre + width * ndtri(quantile), 0.0, 1.0)
    return drawn
