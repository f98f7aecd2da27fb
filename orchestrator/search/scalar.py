"""Several objectives as one score, for one suggestion: ParEGO (Knowles 2006).

A model of one score stays a model of one score. Each suggestion weighs the objectives anew, so that one after the other
they look for every part of the Pareto front.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from orchestrator.search.score import WORST

__all__ = ["BROKEN", "scalarised", "weights_of"]

Floats: TypeAlias = npt.NDArray[np.float64]

_AUGMENTED = 0.05
"""Knowles' rho: how much the sum of all objectives counts beside the worst of them."""
BROKEN = -4.0
"""The score of a trial that hardly breaks a constraint. Sound trials lie in [-1.05, 0], and no lift closes the gap."""
_WORST_SHARE = 0.1


def weights_of(count: int, *numbers: int) -> Floats:
    """Weights (count,) that sum to 1, uniform among all such, drawn from `numbers` alone."""
    cuts = np.sort(np.random.default_rng([number % 2**63 for number in numbers]).random(count - 1))
    return np.diff(cuts, prepend=0.0, append=1.0)


def scalarised(vectors: Floats, violations: Floats, weights: Floats) -> Floats:
    """Scores (N, P) of objectives (N, P, M), higher is better, at P places with violations (N, P); NaN: not reported.

    Knowles 2006, equation 2, with the sign turned: -(max_j w_j f_j + 0.05 sum_j w_j f_j), where f_j is the distance to
    the best sound result, at any place, in objective j: from 0 there to 1 for the worst tenth, so that one odd value
    does not bend the scale (Knowles divides by the whole range). Results that break a constraint come below all that do
    not, by their violation; WORST where nothing was reported.
    """
    known = np.isfinite(vectors).all(axis=2)
    sound = known & (violations == 0)
    compared = sound if sound.any() else known
    worse = np.empty_like(vectors)
    for column in range(vectors.shape[2]):
        values = vectors[:, :, column]
        worse[:, :, column] = _distance(values, values[compared])
    weighted = worse * weights
    scores = -(weighted.max(axis=2) + _AUGMENTED * weighted.sum(axis=2))
    with np.errstate(invalid="ignore"):
        amount = np.where(np.isfinite(violations), violations / (1.0 + violations), 1.0)
    ordered: Floats = np.where(sound, scores, np.where(known, BROKEN - amount, WORST))
    return ordered


def _distance(values: Floats, results: Floats) -> Floats:
    """How far values are below the best of `results` (K,), in units of the gap between it and their worst tenth."""
    if not len(results):
        return np.zeros_like(values)
    best = results.max()
    distance: Floats = np.clip((best - values) / ((best - np.quantile(results, _WORST_SHARE)) or 1.0), 0.0, 1.0)
    return distance
