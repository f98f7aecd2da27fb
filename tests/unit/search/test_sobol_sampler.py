"""Sobol: its points are those of the scrambled sequence, in order, less those that cannot be tried."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import qmc

from orchestrator.events import Origin
from orchestrator.search import lay_out, make_algorithm
from search_spaces.model import Choice, Float, Space

PLANE = Space(name="plane", parameters={"X": Float(low=0.0, high=1.0), "Y": Float(low=1e-4, high=1.0, log=True)})
PLAN = lay_out("sobol", "", max_epochs=60, min_epochs=7, eta=3, trials=64)


def _configurations(space: Space, count: int, created, state, trial, seed: int = 5):
    algorithm = make_algorithm(created(PLAN, "sobol", seed=seed, space=space))
    trials, moves = [], []
    for number in range(count):
        moves.append(algorithm.next(state(*trials)))
        trials.append(trial(number, {60: 0.5}, values=moves[-1].values))
    return moves


def test_the_points_are_the_scrambled_sequence(created, state, trial) -> None:
    moves = _configurations(PLANE, 16, created, state, trial)

    points = qmc.Sobol(2, scramble=True, rng=np.random.default_rng(5)).random(16)
    assert [move.values["X"] for move in moves] == pytest.approx(points[:, 0].tolist(), abs=1e-6)
    assert [move.values["Y"] for move in moves] == pytest.approx((10 ** (-4 + 4 * points[:, 1])).tolist(), rel=1e-4)
    assert {move.origin for move in moves} == {Origin.RANDOM}
    assert moves[2].reason == "point 3 of the scrambled Sobol sequence"


def test_every_quarter_gets_its_share(created, state, trial) -> None:
    """Of 2^k points each of 4 x 4 equal cells holds as many: what random points do not do."""
    moves = _configurations(PLANE, 32, created, state, trial)

    cells = [(int(4 * move.values["X"]), int(4 + np.log10(move.values["Y"]))) for move in moves]
    assert sorted(cells) == sorted([(x, y) for x in range(4) for y in range(4)] * 2)


def test_points_that_break_a_constraint_or_repeat_are_passed_over(created, state, trial) -> None:
    parameters = {"A": Choice(values=(1, 2, 3)), "B": Choice(values=(1, 2, 3))}
    space = Space(name="six", parameters=parameters, constraints=("A != B",))

    moves = _configurations(space, 6, created, state, trial)

    assert {(move.values["A"], move.values["B"]) for move in moves} == {
        (a, b) for a in (1, 2, 3) for b in (1, 2, 3) if a != b
    }
    assert all("Sobol sequence" in move.reason for move in moves)
