"""Results of other studies as rows of a model: each on the scale of its own study, because data shift the values.

Results of a study that differs in nothing that this one does not vary are its own in all but name: their values are
compared with its own. Not so where a score is more than one number: with several objectives the first one orders an
earlier study, and results that break a constraint are its worst.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from orchestrator.events import EarlierResult
from orchestrator.search.cube import Cube, text_of
from orchestrator.search.models.gp import Floats
from orchestrator.search.score import WORST, Aims

__all__ = ["Earlier"]

_MOST = 150


@dataclass(frozen=True, slots=True)
class Earlier:
    """K results: points (K, D), rungs (K,), values lifted to the full run (K,), and whose they are (K,).

    `studies` is 0 for results that are compared with the study's own, else the number of the study.
    """

    points: Floats
    rungs: npt.NDArray[np.int64]
    values: Floats
    studies: npt.NDArray[np.int64]

    @classmethod
    def of(cls, results: Sequence[EarlierResult], cube: Cube, aims: Aims) -> Earlier:
        """The best `_MOST` of all studies together; values higher is better, WORST where the metric is missing."""
        names = {name: number for number, name in enumerate(dict.fromkeys(one.study for one in results), start=1)}
        kept: list[tuple[EarlierResult, float]] = []
        for name in names:
            own = [one for one in results if one.study == name]
            kept += sorted(zip(own, _lifted(own, aims), strict=True), key=lambda pair: -pair[1])[: _MOST // len(names)]
        return cls(
            points=np.array([cube.point(one.values) for one, _ in kept]).reshape(len(kept), cube.dims),
            rungs=np.array([one.epoch for one, _ in kept], dtype=np.int64),
            values=np.array([value for _, value in kept]),
            studies=np.array(
                [0 if one.same_data and aims.plain else names[one.study] for one, _ in kept], dtype=np.int64
            ),
        )

    def __len__(self) -> int:
        return len(self.values)

    @property
    def elsewhere(self) -> bool:
        """Whether any result is from other data."""
        return bool((self.studies > 0).any())


def _lifted(results: Sequence[EarlierResult], aims: Aims) -> list[float]:
    """Each value and what trials of its study usually gained from its rung to the highest."""
    trials: dict[str, dict[int, float]] = defaultdict(dict)
    for one in results:
        trials[text_of(one.values)][one.epoch] = _score(one, aims)
    rungs = sorted({one.epoch for one in results})
    lift = dict.fromkeys(rungs, 0.0)
    for lower, upper in reversed(list(itertools.pairwise(rungs))):
        gains = [
            values[upper] - values[lower]
            for values in trials.values()
            if min(values.get(lower, WORST), values.get(upper, WORST)) > WORST
        ]
        lift[lower] = lift[upper] + (float(np.median(gains)) if gains else 0.0)
    return [_score(one, aims) + lift[one.epoch] for one in results]


def _score(result: EarlierResult, aims: Aims) -> float:
    """The first objective. A constraint on something that the earlier study did not measure is not held against it."""
    vector = Aims(aims.objectives[:1]).vector(result.metrics)
    return WORST if vector is None or aims.known_broken(result.metrics) else vector[0]
