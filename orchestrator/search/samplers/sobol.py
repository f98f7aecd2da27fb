"""`sobol`: the points of a scrambled Sobol sequence (Owen 1998), which fill the space more evenly than random ones.

Point k of the sequence is that of scipy.stats.qmc.Sobol with the study's seed, whatever was asked before. Points that
break a constraint, or decode to a configuration that was tried before, are passed over.
"""

from __future__ import annotations

import numpy as np

from orchestrator.events import Origin, StudyCreated, StudyState, TrialState
from orchestrator.search.cube import Cube, Proposal, text_of
from orchestrator.search.models.kde import Floats
from reid_core.config import Values

__all__ = ["SobolSampler"]

_LOOKED_AT = 1024
"""Points passed over for one configuration before it is drawn uniformly."""


class SobolSampler:
    """The next point of the sequence that is a new, valid configuration."""

    def __init__(self, created: StudyCreated) -> None:
        self.cube = Cube.of(created)
        self._seed = created.seed
        self._configurations: list[tuple[Values, str] | None] = []
        self._tried: dict[int, tuple[Values, str]] = {}

    def propose(self, state: StudyState) -> Proposal:
        """The next configuration."""
        count = len(state.trials)
        taken = {self._text(trial) for trial in state.trials.values()}
        for place in range(count + _LOOKED_AT):
            found = self._at(place)
            if found is not None and found[1] not in taken:
                reason = f"point {place + 1} of the scrambled Sobol sequence"
                return Proposal(dict(found[0]), Origin.RANDOM, reason)
        rng = np.random.default_rng([self._seed % 2**63, count])
        seen = [trial.values for trial in state.trials.values()]
        reason = f"drawn uniformly: the first {count + _LOOKED_AT} points of the Sobol sequence hold nothing new"
        return Proposal(self.cube.random(rng, seen), Origin.RANDOM, reason)

    def _text(self, trial: TrialState) -> str:
        """The values of a trial as a text, kept: a trial never changes them."""
        kept = self._tried.get(trial.id)
        if kept is None or kept[0] is not trial.values:
            kept = self._tried[trial.id] = (trial.values, text_of(trial.values))
        return kept[1]

    def _at(self, place: int) -> tuple[Values, str] | None:
        """The configuration at a point of the sequence, and its text; None where a constraint refuses it."""
        while place >= len(self._configurations):
            count = max(64, 2 * len(self._configurations))
            points = self._sequence(count)[len(self._configurations) :]
            unit = self.cube.encoder.from_unit(points)
            realised = (self.cube.realise(point) for point in unit)
            self._configurations += [None if values is None else (values, text_of(values)) for values in realised]
        return self._configurations[place]

    def _sequence(self, count: int) -> Floats:
        """The first `count` points (count, D), a power of two, of the sequence."""
        from scipy.stats import qmc  # noqa: PLC0415 - loads slowly

        rng = np.random.default_rng(self._seed % 2**63)
        points: Floats = qmc.Sobol(self.cube.dims, scramble=True, rng=rng).random(count)
        return points
