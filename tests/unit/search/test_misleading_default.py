"""A recipe that is wrong in every value costs a search a few trials, not its result."""

from __future__ import annotations

import statistics

import pytest
from test_confirmation_noise import NAMES, Landscape, run_study

from reid_core.config import Values

SEEDS = range(10)
MARGIN = 0.05  # of values between 0.2 and 0.8
BEST = 0.8


def regret(landscape: Landscape, algorithm: str, base: Values) -> float:
    """How far the best of 20 trials, if trained in full, truly is from the top."""
    state = run_study(landscape, algorithm, 0, trials=20, base=base)
    return BEST - max(landscape.final(trial.values) for trial in state.trials.values() if trial.epoch == 60)


def farthest(landscape: Landscape) -> Values:
    """The corner of the space on the other side of the top."""
    return {name: float(place < 0.5) for name, place in zip(NAMES, landscape.top, strict=True)}


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["bohb", "freeze-thaw"])
def test_a_misleading_default_is_recovered_from_within_twenty_trials(algorithm: str) -> None:
    misled = [regret(Landscape(seed), algorithm, farthest(Landscape(seed))) for seed in SEEDS]
    free = [regret(Landscape(seed), algorithm, {}) for seed in SEEDS]
    wrong = [BEST - Landscape(seed).final(farthest(Landscape(seed))) for seed in SEEDS]

    assert statistics.fmean(wrong) > 0.4, "the default is a bad one"
    assert statistics.fmean(misled) <= statistics.fmean(free) + MARGIN
