"""`grid`: the list it goes through, its order over seeds, and the spaces it refuses."""

from __future__ import annotations

import pytest

from orchestrator.events import Origin
from orchestrator.search import full_runs, grid_points, make_algorithm
from reid_core.errors import SpaceError
from search_spaces.model import Choice, Float, Int, Search, Space
from search_spaces.rows import Row

ROWS = Space(
    name="rows",
    search=Search(algorithm="grid", seeds=2),
    rows=(
        Row(name="plain", set={"A": 0, "B": False}),
        Row(name="+ a", set={"A": 1}),
        Row(name="+ b", set={"B": True}),
    ),
)
PLAIN = Space(
    name="plain",
    parameters={
        "KIND": Choice(values=("a", "b")),
        "LR": Float(low=0.0, high=1.0, grid=(0.25, 0.75)),
        "N": Int(low=1, high=9, grid=(2, 3), when={"KIND": "a"}),
    },
)


def all_moves(created, state, trial, space, **options):
    """What an algorithm starts when each of its trials runs in the order of its start."""
    study = created(full_runs(5, 3, 99), "grid", space=space, **options)
    algorithm, trials, moves = make_algorithm(study), [], []
    while (move := algorithm.next(state(*trials))) is not None:
        moves.append(move)
        trials.append(trial(len(moves), to_epoch=5, values=move.values))
    return moves


def test_every_row_runs_with_one_seed_before_the_next_seed_begins(created, state, trial):
    moves = all_moves(created, state, trial, ROWS, seed=7)
    assert [(move.row, move.seed) for move in moves] == [
        ("plain", 7), ("+ a", 7), ("+ b", 7), ("plain", 8), ("+ a", 8), ("+ b", 8),
    ]  # fmt: skip
    assert {(move.origin, move.bracket, move.to_epoch) for move in moves} == {(Origin.GRID, 0, 5)}
    assert moves[4].reason == "+ a, seed 8"


def test_rows_build_on_each_other(created, state, trial):
    values = [move.values for move in all_moves(created, state, trial, ROWS)][:3]
    assert values == [{"A": 0, "B": False}, {"A": 1, "B": False}, {"A": 1, "B": True}]


def test_choices_and_grids_are_combined_the_last_fastest(created, state, trial):
    moves = all_moves(created, state, trial, PLAIN)
    assert [move.values for move in moves] == [
        {"KIND": "a", "LR": 0.25, "N": 2},
        {"KIND": "a", "LR": 0.25, "N": 3},
        {"KIND": "a", "LR": 0.75, "N": 2},
        {"KIND": "a", "LR": 0.75, "N": 3},
        {"KIND": "b", "LR": 0.25},
        {"KIND": "b", "LR": 0.75},
    ]
    assert {move.row for move in moves} == {""}


def test_combinations_that_break_a_constraint_are_left_out():
    space = PLAIN.model_copy(update={"constraints": ("LR < 0.5 or KIND == 'b'",)})
    assert [point.values["LR"] for point in grid_points(space, {"N": 1})] == [0.25, 0.25, 0.25, 0.75]


def test_every_parameter_without_a_finite_list_is_named():
    space = Space(
        name="s",
        parameters={"LR": Float(low=0.0, high=1.0), "K": Choice(values=(1, 2)), "N": Int(low=1, high=2)},
    )
    with pytest.raises(SpaceError) as caught:
        grid_points(space, {})
    assert [(found.code, found.key) for found in caught.value.findings] == [
        ("no-finite-list", "LR"),
        ("no-finite-list", "N"),
    ]
    assert "`grid: [...]`" in str(caught.value)


def test_a_grid_that_nobody_can_pay_for_is_refused():
    values = tuple(range(101))
    space = Space(name="s", parameters={"A": Choice(values=values), "B": Choice(values=values)})
    with pytest.raises(SpaceError, match="10,201 combinations, more than 10,000"):
        grid_points(space, {})


def test_a_grid_without_a_valid_combination_is_refused():
    with pytest.raises(SpaceError, match="no combination"):
        grid_points(PLAIN.model_copy(update={"constraints": ("LR > 1",)}), {"N": 1})


def test_a_full_run_has_one_rung_and_promotes_nobody():
    plan = full_runs(9, 3, 24)
    assert (plan.trials, plan.epochs, plan.rungs) == (24, 216, (9,))
    with pytest.raises(SpaceError):
        full_runs(9, 3, 0)
