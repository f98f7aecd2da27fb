"""The space as models see it: valid, unseen configurations and their points in the cube."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from orchestrator.events import EarlierResult, Origin, StudyCreated, TrialState
from orchestrator.events.aims import Aims
from orchestrator.search.models.kde import Axes, Floats
from reid_core.config import Values
from search_spaces.encoding import Encoder
from search_spaces.model import Choice, Goal, Parameter, Space
from search_spaces.sampling import configurations, draw_uniform, draw_walking

__all__ = ["Cube", "Proposal", "text_of"]

_UNSEEN_DRAWS = 64
_REDRAWN_NUMBER, _REDRAWN_CHOICE = 0.5, 0.35
_GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True, slots=True)
class Proposal:
    """A configuration to try, where it comes from, and why, in words."""

    values: Values
    origin: Origin
    reason: str


class Cube:
    """A space over the configuration `base`. Points are (D,), NaN where a parameter is inactive.

    `seed` shifts the sequence of `around_prior`, `enqueued` are configurations that a person wants tried first, and
    `earlier` are results of other studies, whose best configurations are tried too.
    """

    def __init__(
        self,
        space: Space,
        base: Values,
        seed: int = 0,
        enqueued: Sequence[Values] = (),
        earlier: Sequence[EarlierResult] = (),
    ) -> None:
        self.encoder = Encoder(space, base)
        self.dims = self.encoder.dims
        self._offsets = np.random.default_rng([seed % 2**63, self.dims]).random(self.dims)
        self.unordered: npt.NDArray[np.bool_] = self.encoder.kind == "u"
        self.axes = Axes(self.encoder.categories, self._floors())
        self._redrawn = np.array([_redrawn(parameter) for parameter in space.parameters.values()])
        self._kept: dict[int, tuple[Values, Floats]] = {}
        self._conditional = any(parameter.when for parameter in space.parameters.values())
        self.default = self.encoder.fitting({name: base[name] for name in space.parameters if name in base})
        prior = self.encoder.fitting(self.encoder.first())
        self.prior = prior if prior is not None else self.default
        aims = Aims(space.objective, space.outcome_constraints)
        self.opening = self._opening(enqueued, _best_of(earlier, aims))

    @classmethod
    def of(cls, created: StudyCreated) -> Self:
        """The cube of a study, with everything that it was given."""
        return cls(created.space, created.base, created.seed, created.enqueued, created.earlier)

    def _opening(self, enqueued: Sequence[Values], earlier: Sequence[Proposal]) -> list[Proposal]:
        """The first configurations of a study, each once.

        The recipe's own, those that a person enqueued, the best of each earlier study, the space's priors.
        """
        proposals = []
        if self.default is not None:
            proposals.append(Proposal(self.default, Origin.DEFAULT, "the recipe's own values come first"))
        for number, values in enumerate(enqueued, start=1):
            proposals.append(Proposal(values, Origin.USER, f"enqueued: number {number} of {len(enqueued)}"))
        proposals += earlier
        if self.prior is not None:
            proposals.append(Proposal(self.prior, Origin.PRIOR, "the values that the space expects to be good"))
        return [
            one for place, one in enumerate(proposals) if all(one.values != old.values for old in proposals[:place])
        ]

    def point(self, values: Values) -> Floats:
        """The point (D,) of a configuration."""
        return self.encoder.encode(values)

    def points(self, trials: Sequence[TrialState]) -> Floats:
        """The points (N, D) of trials; kept by trial, since a trial never changes its values."""
        rows = np.empty((len(trials), self.dims))
        for row, trial in zip(rows, trials, strict=True):
            kept = self._kept.get(trial.id)
            if kept is None or (kept[0] is not trial.values and kept[0] != trial.values):
                kept = self._kept[trial.id] = (trial.values, self.point(trial.values))
            row[:] = kept[1]
        return rows

    def random(self, rng: np.random.Generator, seen: Collection[Values]) -> Values:
        """A uniformly drawn valid configuration, unseen where draws or the list of a small space have one left.

        Where none of many draws satisfies the constraints, one that a walk from a known valid configuration reaches.
        Raises SpaceError when there is none and none is found.
        """
        values = draw_uniform(self.encoder, rng)
        for _ in range(_UNSEEN_DRAWS):
            if values is None or values not in seen:
                break
            values = draw_uniform(self.encoder, rng)
        if values is None:
            walked = self.walked(rng, seen, _UNSEEN_DRAWS)
            return next((one for one in walked if one not in seen), walked[0])
        if values in seen:
            left = [one for one in configurations(self.encoder) or () if one not in seen]
            values = left[int(rng.integers(len(left)))] if left else values
        return values

    def walked(self, rng: np.random.Generator, seen: Collection[Values], count: int) -> list[Values]:
        """`count` valid configurations on a random walk through those that satisfy the constraints.

        It starts at one of `seen`, or of those that a study opens with; raises SpaceError as `random` does.
        """
        known = [*seen, *(one.values for one in self.opening)]
        return draw_walking(self.encoder, rng, known, count)

    def around_prior(self, number: int, rng: np.random.Generator, seen: Collection[Values]) -> Values | None:
        """The prior with some of its parameters drawn anew; None without a prior or when nothing valid comes.

        A recipe is good in most of its values, and few changes at a time find out which matter; but a logarithmic range
        says that not even the magnitude is known, so those parameters always move. The `number`-th draw takes its
        coordinates from a golden-ratio sequence: consecutive draws spread evenly over every range.
        """
        if self.prior is None:
            return None
        kept = self.point(self.prior)
        for attempt in range(_UNSEEN_DRAWS):
            shifted = (rng.random(self.dims) if attempt else self._offsets) + number * _GOLDEN
            fresh = self.encoder.from_unit(np.mod(shifted, 1.0)[None])[0]
            redraw = (rng.random(self.dims) < self._redrawn) | ~np.isfinite(kept)
            values = self.realise(np.where(redraw, fresh, kept))
            if values is not None and values not in seen:
                return values
        return None

    def uniform(self, rng: np.random.Generator, count: int) -> Floats:
        """`count` uniform points (count, D), not checked for constraints."""
        return self.encoder.from_unit(rng.random((count, self.dims)))

    def nudge(self, points: Floats, widths: Floats, share: float, rng: np.random.Generator) -> Floats:
        """Points (M, D) with about `share` of their coordinates moved by normal steps of `widths` (M, 1).

        Unordered choices that move become any of their values, NaN becomes anything.
        """
        anywhere = self.uniform(rng, len(points))
        stepped = np.clip(points + widths * rng.standard_normal(points.shape), 0.0, 1.0)
        moved = np.where(self.unordered, anywhere, stepped)
        result = np.where(rng.random(points.shape) < share, moved, points)
        return np.where(np.isfinite(result), result, anywhere)

    def realise(self, point: Floats) -> Values | None:
        """The configuration at a point without NaN, or None when a constraint refuses it."""
        values = self.encoder.decode(point)
        return None if self.encoder.broken(values) is not None else values

    def settle(self, points: Floats) -> Floats:
        """Points (M, D) with NaN where a parameter is inactive; unchanged in spaces without conditions."""
        if not self._conditional:
            return points
        return self.encoder.settled(points)

    def _floors(self) -> Floats:
        """Half a step of each discrete column: narrower kernels could not reach the next value."""
        most = 64
        steps = [len(codec.levels(most)) for codec in self.encoder.codecs]
        return np.array([0.5 / count if 1 < count < most else 0.0 for count in steps])


def text_of(values: Values) -> str:
    """A text that is equal for equal configurations, whose values may be lists."""
    return repr(sorted(values.items()))


def _best_of(earlier: Sequence[EarlierResult], aims: Aims) -> list[Proposal]:
    """The best configuration of each earlier study, among those that got furthest; ties go to the first.

    The first objective decides, among those that are not known to break a constraint.
    """
    objective = aims.objectives[0]
    studies: dict[str, list[EarlierResult]] = {}
    for result in earlier:
        if objective.metric in result.metrics and not aims.known_broken(result.metrics):
            studies.setdefault(result.study, []).append(result)
    sign = -1.0 if objective.goal is Goal.MINIMIZE else 1.0
    proposals = []
    for study, results in studies.items():
        best = max(results, key=lambda result: (result.epoch, sign * result.metrics[objective.metric]))
        told = f"{objective.metric} {best.metrics[objective.metric]:.3f} at what is epoch {best.epoch} here"
        proposals.append(Proposal(best.values, Origin.PRIOR, f"the best configuration of study {study}: {told}"))
    return proposals


def _redrawn(parameter: Parameter) -> float:
    """How often a parameter leaves the prior's value in `around_prior`."""
    if isinstance(parameter, Choice):
        return _REDRAWN_CHOICE
    return 1.0 if parameter.log else _REDRAWN_NUMBER
