"""New points that may be worth a trial: half anywhere, half near the best ones."""

from __future__ import annotations

import numpy as np

from orchestrator.search.cube import Cube
from orchestrator.search.models.gp import Floats
from orchestrator.search.score import WORST
from orchestrator.search.table import TrialTable

__all__ = ["candidates"]

_NEAR_BEST = 3
_WIDTHS = (0.05, 0.1, 0.2)
_MOVED_SHARE = 0.5


def candidates(cube: Cube, table: TrialTable, rng: np.random.Generator, each: int) -> Floats:
    """`each` uniform points and then `each` near the best three trials, settled (2 * each, D).

    Near: about half of a trial's coordinates are moved, by small and larger steps. No trial with a value: none of them.
    """
    points = cube.uniform(rng, each)
    scored = np.flatnonzero(table.last > WORST)
    best = [table.trial(int(row)) for row in table.best_first(scored, table.last[scored])[:_NEAR_BEST]]
    if best:
        chosen = cube.points(best)[rng.integers(len(best), size=each)]
        near = cube.nudge(chosen, rng.choice(_WIDTHS, size=(each, 1)), _MOVED_SHARE, rng)
        points = np.vstack([points, near])
    return cube.settle(points)
