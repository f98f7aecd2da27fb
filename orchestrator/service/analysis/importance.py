"""Which parameters matter: functional ANOVA over a random forest (Hutter, Hoos & Leyton-Brown 2014), by Optuna.

How sure that is: the same for trials drawn anew with replacement (the bootstrap, Efron 1979), each time with another
forest. An inactive number counts as the middle of its range, an inactive choice as a value of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from orchestrator.search.models.gp import Floats
from orchestrator.search.score import WORST
from orchestrator.service.analysis.evidence import Evidence
from orchestrator.service.views_analysis import ImportancePart, ImportanceView

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study

__all__ = ["LEAST_TRIALS", "MOST_TRIALS", "importance_of"]

LEAST_TRIALS = 8
"""Completed results that importance needs."""
MOST_TRIALS = 200
"""Trials that are used of a larger study: the forest's cost grows with their square."""
_DRAWS = 20
_TREES, _DEPTH = 8, 6
_INTERVAL = 0.9
_PURPOSE = 1


def importance_of(evidence: Evidence, *, draws: int = _DRAWS) -> ImportancePart:
    """The importance of every parameter for the values at the full number of epochs, over `draws` resamplings."""
    if not evidence.cube.dims:
        return ImportancePart(needs="parameters: the space has none")
    if evidence.real < LEAST_TRIALS:
        return ImportancePart(needs=f"at least {LEAST_TRIALS} trials with a result; there are {evidence.real}")
    rng = np.random.default_rng(evidence.seed(_PURPOSE))
    points, values = _sampled(evidence, rng)
    if np.ptp(values) == 0:
        return ImportancePart(needs="results that differ: all are equal")
    rounds = []
    for draw in range(draws):
        chosen = rng.integers(len(values), size=len(values))
        while np.ptp(values[chosen]) == 0:  # all the same explains nothing
            chosen = rng.integers(len(values), size=len(values))
        rounds.append(_shares(evidence, points[chosen], values[chosen], draw))
    shares = np.array(rounds)
    low, high = np.quantile(shares, [(1 - _INTERVAL) / 2, (1 + _INTERVAL) / 2], axis=0)
    means = shares.mean(axis=0)
    names = evidence.cube.encoder.names
    order = sorted(range(len(names)), key=lambda place: (-means[place], names[place]))
    parameters = tuple(
        ImportanceView(name=names[i], mean=float(means[i]), low=float(low[i]), high=float(high[i])) for i in order
    )
    return ImportancePart(parameters=parameters, trials=len(values), draws=draws, interval=_INTERVAL)


def _sampled(evidence: Evidence, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Points (N, D) and scores (N,) of all trials or a fair draw of them; a failed one counts as the worst real."""
    rows, scores = evidence.rows, evidence.expected
    scores = np.where(scores > WORST, scores, scores[scores > WORST].min())
    if len(rows) > MOST_TRIALS:
        kept = np.sort(rng.choice(len(rows), size=MOST_TRIALS, replace=False))
        rows, scores = rows[kept], scores[kept]
    return evidence.cube.points([evidence.table.trial(int(row)) for row in rows]), scores


def _shares(evidence: Evidence, points: Floats, values: Floats, seed: int) -> Floats:
    """The shares of variance (D,) of one forest over points (N, D)."""
    from optuna.importance import FanovaImportanceEvaluator  # noqa: PLC0415 - loads slowly, and only this asks for it

    evaluator = FanovaImportanceEvaluator(n_trees=_TREES, max_depth=_DEPTH, seed=seed)
    found = evaluator.evaluate(_study(evidence, points, values))
    shares = np.array([float(found.get(f"{place:03d}", 0.0)) for place in range(points.shape[1])])
    total = shares.sum()
    # Optuna's shares add up to 1 unless no tree found anything to split.
    return shares / total if total > 0 else np.full(len(shares), 1.0 / len(shares))


def _study(evidence: Evidence, points: Floats, values: Floats) -> Study:
    """The trials in Optuna's memory, with their coordinates as parameters."""
    import optuna  # noqa: PLC0415 - as above

    told = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # or it writes a line for each study
    try:
        study = optuna.create_study(direction="maximize")
    finally:
        optuna.logging.set_verbosity(told)
    axes = _axes(evidence)
    filled = np.where(np.isfinite(points), points, np.where(evidence.cube.unordered, -1.0, 0.5))
    for point, value in zip(filled.tolist(), values.tolist(), strict=True):
        params = {
            name: int(x) if unordered else x
            for (name, unordered, x) in zip(axes, evidence.cube.unordered.tolist(), point, strict=True)
        }
        study.add_trial(optuna.trial.create_trial(params=params, distributions=axes, value=value))
    return study


def _axes(evidence: Evidence) -> dict[str, BaseDistribution]:
    """The cube's coordinates for Optuna, by their place: names of parameters may be anything."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution  # noqa: PLC0415 - as above

    encoder = evidence.cube.encoder
    return {
        f"{place:03d}": CategoricalDistribution((-1, *range(count))) if count else FloatDistribution(0.0, 1.0)
        for place, count in enumerate(encoder.categories.tolist())
    }
