"""A constraint that hardly any uniform draw satisfies: searches go on from what is known to be valid."""

from __future__ import annotations

import numpy as np
import pytest

from orchestrator.events import Origin
from orchestrator.search import make_algorithm, make_plan
from orchestrator.search.cube import Cube
from reid_core.errors import SpaceError
from search_spaces.encoding import Encoder
from search_spaces.model import Choice, Float, Int, Space
from search_spaces.sampling import draw, draw_uniform, validate_values
from search_spaces.walking import find, walk

NAMES = ("A", "B", "C", "D")
PLAN = make_plan(9, 1, 3, 12)
RECIPE = dict.fromkeys(NAMES, 0.05)


def corner(bound: float) -> Space:
    """The corner of the cube below `bound`: bound^4 / 24 of it, 3.4e-4 with 0.3."""
    return Space(
        name="corner",
        parameters={name: Float(low=0.0, high=1.0) for name in NAMES},
        constraints=(f"A + B + C + D <= {bound}",),
    )


def searched(created, state, trial, name: str, space: Space, base, seed: int = 0) -> list:
    """The moves of a study whose trials all finish; each is valid."""
    algorithm = make_algorithm(created(PLAN, name, base, seed=seed, space=space))
    moves, trials = [], []
    while len(trials) < 8:
        move = algorithm.next(state(*trials))
        assert validate_values(space, base, move.values) == []
        moves.append(move)
        trials.append(trial(len(trials), {1: move.values["A"] - move.values["B"]}, bracket=-1, values=move.values))
    assert make_algorithm(created(PLAN, name, base, seed=seed, space=space)).next(state(*trials[:-1])) == moves[-1]
    return moves


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bohb", "random", "tpe"])
@pytest.mark.parametrize("base", [RECIPE, {}], ids=["recipe", "no recipe"])
def test_a_search_under_a_tight_constraint_goes_on(created, state, trial, name: str, base) -> None:
    moves = searched(created, state, trial, name, corner(0.05), base)

    assert len({str(move.values) for move in moves}) == 8
    assert np.ptp([move.values["A"] for move in moves]) > 0.01, "they are spread over what is valid"


@pytest.mark.slow
@pytest.mark.parametrize("base", [RECIPE, {}], ids=["recipe", "no recipe"])
def test_freeze_thaw_under_a_tight_constraint_goes_on(created, state, trial, base) -> None:
    space, trials, moves = corner(0.05), [], 0
    algorithm = make_algorithm(created(PLAN, "freeze-thaw", base, space=space))
    while (move := algorithm.next(state(*trials))) is not None:
        moves += 1
        if hasattr(move, "values"):
            assert validate_values(space, base, move.values) == []
            trials.append(trial(len(trials), {1: move.values["A"]}, values=move.values))
        else:
            values = trials[move.trial].values
            curve = {rung: values["A"] for rung in PLAN.rungs if rung <= move.to_epoch}
            trials[move.trial] = trial(move.trial, curve, values=values)
    assert len(trials) > 6
    assert moves > len(trials)


@pytest.mark.slow
def test_the_model_of_bohb_chooses_among_what_a_walk_reaches(created, state, trial) -> None:
    """All 96 of its own points break the constraint."""
    origins = [move.origin for move in searched(created, state, trial, "bohb", corner(0.05), RECIPE)]

    assert origins.count(Origin.MODEL) >= 3


@pytest.mark.slow
def test_a_walk_visits_the_valid_space_evenly() -> None:
    """The mean of each coordinate over the corner below b is b / 5."""
    encoder = Encoder(corner(0.3), RECIPE)
    steps = walk(encoder, {"A": 0.29, "B": 0.0, "C": 0.0, "D": 0.0}, np.random.default_rng(0))
    visited = [next(steps) for _ in range(1500)]

    for name in NAMES:
        assert np.mean([values[name] for values in visited]) == pytest.approx(0.06, abs=0.015)


@pytest.mark.slow
def test_a_walk_changes_choices_numbers_and_what_depends_on_them() -> None:
    space = Space(
        name="mixed",
        parameters={
            "KIND": Choice(values=("a", "b", "c")),
            "ONLY_A": Float(low=0.0, high=1.0, when={"KIND": "a"}),
            "COUNT": Int(low=1, high=100_000),
            "RATE": Float(low=1e-6, high=1.0, log=True),
        },
        constraints=("COUNT <= 3", "RATE < 2e-6", "KIND != 'c'"),
    )
    encoder = Encoder(space, {})
    assert draw_uniform(encoder, np.random.default_rng(0)) is None
    found = find(encoder, np.random.default_rng(0))
    steps = walk(encoder, found, np.random.default_rng(0))
    visited = [next(steps) for _ in range(200)]

    assert all(validate_values(space, {}, values) == [] for values in visited)
    assert {values["KIND"] for values in visited} == {"a", "b"}
    assert {values["COUNT"] for values in visited} == {1, 2, 3}


@pytest.mark.slow
def test_the_same_state_of_the_generator_gives_the_same_configuration() -> None:
    first, second = (draw(Encoder(corner(0.02), {}), np.random.default_rng(7)) for _ in range(2))

    assert first == second


@pytest.mark.slow
def test_a_known_configuration_that_nothing_can_leave_is_tried_again() -> None:
    space = corner(0.3).model_copy(update={"constraints": tuple(f"{name} == 0.25" for name in NAMES)})
    known = dict.fromkeys(NAMES, 0.25)

    assert Cube(space, {}).random(np.random.default_rng(0), [known]) == known


@pytest.mark.slow
def test_what_nothing_satisfies_is_refused_with_the_constraint() -> None:
    space = corner(0.3).model_copy(update={"constraints": ("A + B <= 1.5", "A + B + C + D <= -1")})

    with pytest.raises(SpaceError, match=r"none of 10,000 .* corner.*most break `A \+ B \+ C \+ D <= -1`"):
        Cube(space, {}).random(np.random.default_rng(0), [])
