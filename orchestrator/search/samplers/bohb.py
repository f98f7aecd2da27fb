"""`bohb`: Hyperband's order with configurations from kernel densities (Falkner, Klein & Hutter 2018).

As in the paper, finished trials are split into good and bad, each part gets a product kernel density, and of
many points drawn from the widened good one the point with the highest ratio good / bad is tried. Studies of 12
trials need more from every result than the paper's model, which waits for d + 2 results on one rung:

- Every trial counts, on whatever rung it rests: a forecast puts all on the scale of the full budget.
- The recipe's configuration is a prior: a wide kernel of the good density, worth `_PRIOR_POINTS` of the
  points that the model needs; it fades as results arrive.
- Until the model knows enough, trials are the recipe with some of its values drawn anew.
- Running trials count through what the model expects of them, so that parallel suggestions differ.
- Every `_RANDOM_EVERY`-th trial is uniform, so that no belief of the model lasts for ever.
- Where a tight constraint refuses all of the points, those of a walk through the valid space are judged instead.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from orchestrator.events import Origin, StudyCreated, StudyState
from orchestrator.search.cube import Cube, Proposal
from orchestrator.search.models.kde import Density, Floats
from orchestrator.search.score import WORST, Aims
from orchestrator.search.table import Ints, TrialTable
from reid_core.config import Values

__all__ = ["BohbSampler"]

_RANDOM_EVERY = 5
_GOOD_SHARE = 0.15
_LEAST_GOOD = 3
_PRIOR_POINTS = 5
_PRIOR_WIDTH = 0.25
# Regret after 12 full runs of the search benchmark (80 runs): .411, .351, .337, .334 with .06, .12, .25, .4.
_BANDWIDTH_FLOOR = 0.25
_WIDEN = 2.0
_CANDIDATES = 96
_MODEL_POINTS = 200


@dataclass(frozen=True, slots=True)
class _Model:
    """The two densities; `known` results stand behind them, of which `good` are good."""

    good: Density
    bad: Density
    known: int
    count_good: int


class BohbSampler:
    """New configurations from the densities of good and bad ones."""

    def __init__(self, created: StudyCreated) -> None:
        self.cube = Cube.of(created)
        self._rungs = created.plan.rungs
        self._table = TrialTable(created.plan.rungs, Aims.of(created))
        self._seed = created.seed

    def propose(self, state: StudyState) -> Proposal:
        """Every fifth at random, else from the model as soon as it knows enough."""
        count = len(state.trials)
        rng = np.random.default_rng([self._seed % 2**63, count])
        seen = [trial.values for trial in state.trials.values()]
        # Drawn whether needed or not: what the model draws after it stays the same.
        uniform = Proposal(self.cube.random(rng, seen), Origin.RANDOM, "drawn uniformly, as every fifth trial")
        if count % _RANDOM_EVERY == _RANDOM_EVERY - 1:
            return uniform
        model = self._model(state)
        if model is None:
            return self._before_model(count, rng, seen, uniform)
        points = self.cube.settle(model.good.draw(rng, _CANDIDATES, widen=_WIDEN))
        if all(self.cube.realise(point) is None for point in points):  # a tight constraint
            points = self.cube.encoder.encode_many(self.cube.walked(rng, seen, _CANDIDATES))
        return self._best(model, points, seen) or Proposal(
            uniform.values, Origin.RANDOM, "drawn uniformly: the model found nothing new"
        )

    def _before_model(self, count: int, rng: np.random.Generator, seen: list[Values], uniform: Proposal) -> Proposal:
        """Too few results for the model: around the recipe, or anywhere in a space without one."""
        near = self.cube.around_prior(count, rng, seen)
        if near is None:
            return Proposal(uniform.values, Origin.RANDOM, "drawn uniformly: too few results for the model")
        changed = sum(near.get(name) != value for name, value in (self.cube.prior or {}).items())
        return Proposal(
            near, Origin.PRIOR, f"the recipe with {changed} values drawn anew: too few results for the model"
        )

    def _model(self, state: StudyState) -> _Model | None:
        """Both densities, or None while too few trials have results."""
        table = self._table.read(list(state.trials.values()))
        rows, scores = table.forecast()
        prior = self.cube.prior
        needed = self.cube.dims + 1 - (_PRIOR_POINTS if prior is not None else 0)
        if len(rows) < max(needed, _LEAST_GOOD + 1):
            return None
        order = table.best_first(rows, scores)
        sound = int((scores > WORST).sum())  # a failed trial is never among the good
        if not sound:
            return None
        count_good = min(sound, max(_LEAST_GOOD, round(_GOOD_SHARE * len(order))))
        good, bad = order[:count_good], order[count_good : count_good + _MODEL_POINTS]
        good = good[:_MODEL_POINTS]
        densities = self._split(good, bad)
        if prior is not None:
            weight = _PRIOR_POINTS / (_PRIOR_POINTS + len(order))
            point = self.cube.point(prior)
            densities = (densities[0].with_point(point, weight, _PRIOR_WIDTH), densities[1])
        return _Model(*densities, known=len(order), count_good=count_good)

    def _split(self, good: Ints, bad: Ints) -> tuple[Density, Density]:
        """Densities of the good and the bad rows, where running trials join the part that they are expected in."""
        good_points, bad_points = self._of(good), self._of(bad)
        begun = np.flatnonzero(self._table.in_play & (self._table.epochs < self._rungs[0]))
        running = begun[np.argsort(self._table.ids[begun])][-_MODEL_POINTS:]
        if len(running):
            everything = np.vstack([good_points, bad_points])
            whole = Density.estimate(self.cube.axes, everything, np.ones(len(everything)), floor=_BANDWIDTH_FLOOR)
            label = np.append(np.ones(len(good)), np.zeros(len(bad)))
            points = self._of(running)
            hopeful = whole.expect(points, label) > 0.5
            # An expected success is tried already: its copy among the bad keeps the next ones from crowding there.
            good_points = np.vstack([good_points, points[hopeful]])
            bad_points = np.vstack([bad_points, points])
        return (
            Density.estimate(self.cube.axes, good_points, _fading(len(good_points)), floor=_BANDWIDTH_FLOOR),
            Density.estimate(self.cube.axes, bad_points, np.ones(len(bad_points)), floor=_BANDWIDTH_FLOOR),
        )

    def _best(self, model: _Model, points: Floats, seen: list[Values]) -> Proposal | None:
        """Of points (M, D), the unseen valid one with the highest ratio."""
        ratio = model.good.log_density(points) - model.bad.log_density(points)
        for index in np.argsort(-ratio, kind="stable"):
            values = self.cube.realise(points[index])
            if values is not None and values not in seen:
                odds = float(np.exp(ratio[index]))
                reason = (
                    f"{_times(odds)} as likely among the best {model.count_good} of {model.known} as among the rest"
                )
                return Proposal(values, Origin.MODEL, reason)
        return None

    def _of(self, rows: Ints) -> Floats:
        return self.cube.points([self._table.trial(row) for row in rows])


def _times(odds: float) -> str:
    """Densities in many dimensions differ by magnitudes that mean nothing."""
    return f"{odds:.1f} times" if odds < 1000 else "over 1,000 times"


def _fading(count: int) -> Floats:
    """Weights of the good ones, best first: the last counts half as much as the first."""
    return np.linspace(1.0, 0.5, count)
