"""Noise: the winner of a study with evaluation noise of one mAP point is truly among the best that it saw."""

from __future__ import annotations

import hashlib
import math
import statistics
from dataclasses import dataclass

import numpy as np
import pytest

from orchestrator.events import (
    EpochReported,
    Event,
    Logged,
    OutcomeKind,
    SegmentEnded,
    SegmentStarted,
    StudyCreated,
    StudyState,
)
from orchestrator.search import NewTrial, make_algorithm, make_plan
from orchestrator.search.models.kde import Floats
from orchestrator.service.progress import winner
from reid_core.config import Values
from search_spaces.model import Float, Space

NOISE = 0.01
SEEDS = range(12)
NAMES = ("a", "b", "c", "d", "e")
SPACE = Space(name="smooth", parameters={name: Float(low=0.0, high=1.0) for name in NAMES})


@dataclass(frozen=True, slots=True)
class Landscape:
    """Curves over five parameters in [0, 1]: a smooth hill with its top somewhere, reached at a speed of its own."""

    seed: int

    @property
    def top(self) -> Floats:
        """Where the highest value is (5,)."""
        return np.random.default_rng([self.seed, 1]).uniform(0.1, 0.9, len(NAMES))

    def final(self, values: Values) -> float:
        """The true value at the last epoch."""
        weights = np.random.default_rng([self.seed, 2]).uniform(0.2, 2.0, len(NAMES))
        point = np.array([float(str(values[name])) for name in NAMES])
        return 0.2 + 0.6 * math.exp(-float(weights @ (point - self.top) ** 2))

    def measured(self, values: Values, epoch: int, seed: int) -> float:
        """The value at an epoch of 60 as a training with `seed` measures it: the true one, and normal noise."""
        speed = 10 + 10 * float(str(values["a"]))
        shape = (1 - math.exp(-epoch / speed)) / (1 - math.exp(-60 / speed))
        key = f"{self.seed} {seed} {epoch} {sorted(values.items())}"
        noise = np.random.default_rng(list(hashlib.sha256(key.encode()).digest())).normal(0.0, NOISE)
        return self.final(values) * shape + float(noise)


def run_study(
    landscape: Landscape, algorithm: str, confirm: int, *, trials: int = 12, base: Values | None = None
) -> StudyState:
    """A whole study of 12 trials, one at a time; the recipe is the middle of the space unless told otherwise."""
    base = dict.fromkeys(NAMES, 0.5) if base is None else base
    created = StudyCreated(
        study="s", name="s", space=SPACE, base=base, plan=make_plan(60, 7, 3, trials),
        seed=landscape.seed, algorithm=algorithm, backend="inline", workers=1, confirm=confirm,
    )  # fmt: skip
    state, search = StudyState(), make_algorithm(created)

    def append(event: Event) -> None:
        state.apply(Logged(state.seq + 1, 0.0, event))

    append(created)
    while (move := search.next(state)) is not None:
        trial = len(state.trials) + 1 if isinstance(move, NewTrial) else move.trial
        if isinstance(move, NewTrial):
            append(move.suggested(trial))
        begun = state.trials[trial]
        segment, start = state.segments + 1, begun.epoch
        append(SegmentStarted(segment=segment, trial=trial, from_epoch=start, to_epoch=move.to_epoch))
        seed = created.seed if begun.seed is None else begun.seed
        for epoch in range(start + 1, move.to_epoch + 1):
            value = landscape.measured(begun.values, epoch, seed)
            append(EpochReported(trial=trial, segment=segment, epoch=epoch, metrics={"mAP": value}))
        append(SegmentEnded(segment=segment, trial=trial, outcome=OutcomeKind.COMPLETED))
    return state


def losses(algorithm: str, confirm: int) -> list[float]:
    """For each seed: how far the winner's true value is below the best true one of the trials trained in full."""
    found = []
    for seed in SEEDS:
        landscape = Landscape(seed)
        state = run_study(landscape, algorithm, confirm)
        full = [landscape.final(trial.values) for trial in state.trials.values() if trial.epoch == 60]
        found.append(max(full) - landscape.final(state.trials[winner(state).trial].values))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["bohb", "freeze-thaw"])
def test_the_confirmed_winner_is_within_a_point_of_the_best_seen(algorithm):
    found = losses(algorithm, confirm=3)
    assert statistics.fmean(found) < NOISE / 2
    assert sum(loss <= NOISE for loss in found) >= 0.9 * len(found)
