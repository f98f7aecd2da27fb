"""What a fork changes of its parent's values, and what it may not."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from orchestrator.search.perturbation import Perturbation, changeable, check_changeable
from reid_core.errors import SpaceError
from search_spaces.encoding import Encoder
from search_spaces.model import Choice, Float, Int, Space

RECIPE = {"MODEL.HEADS.POOL_LAYER": "GlobalAvgPool", "SOLVER.GAMMA": 0.1, "SOLVER.OPT": "SGD"}


def space_of(parameters, *, recipe=None, **more):
    return Space(name="s", recipe=recipe, parameters=parameters, **more)


def drawn(space, values, base=None, count=20):
    encoder = Encoder(space, base or {})
    return list(islice(Perturbation(encoder).draws(values, np.random.default_rng(3)), count))


def outcomes(parameter, value):
    """What a parameter becomes, besides a second one that always changes."""
    space = space_of({"X": parameter, "ALWAYS": Float(low=1e-3, high=1e3, log=True)})
    return {one["X"] for one in drawn(space, {"X": value, "ALWAYS": 1.0}, count=20)}


@pytest.mark.parametrize(
    ("parameter", "value", "expected"),
    [
        pytest.param(Float(low=1e-5, high=1.0, log=True), 0.01, {0.008, 0.012}, id="log"),
        pytest.param(Float(low=0.0, high=1.0), 0.5, {0.4, 0.6}, id="linear"),
        pytest.param(Float(low=0.0, high=1.0), 0.0, {0.05}, id="from-zero-only-up"),
        pytest.param(Float(low=0.0, high=1.0), 1.0, {0.8}, id="from-the-top-only-down"),
        pytest.param(Float(low=0.0, high=1.0), 0.9, {1.0, 0.72}, id="clipped"),
        pytest.param(Float(low=-1.0, high=1.0), -0.5, {-0.6, -0.4}, id="negative"),
        pytest.param(Float(low=0.0, high=1.0, step=0.25), 0.5, {0.25, 0.75}, id="stepped-by-one-at-least"),
        pytest.param(Int(low=1, high=64, log=True), 20, {16, 24}, id="whole-log"),
        pytest.param(Int(low=1, high=64, log=True), 2, {1, 3}, id="whole-by-one-at-least"),
        pytest.param(Int(low=1, high=9, step=4), 5, {1, 9}, id="whole-by-a-step"),
        pytest.param(Choice(values=(2, 4, 8, 16), ordered=True), 4, {2, 8}, id="ordered-one-step"),
        pytest.param(Choice(values=(2, 4, 8), ordered=True), 8, {4}, id="ordered-at-the-end"),
        pytest.param(Choice(values=("a", "b", "c")), "a", {"a", "b", "c"}, id="choice"),
    ],
)
def test_each_kind_of_parameter_moves_as_the_rule_says(parameter, value, expected):
    assert outcomes(parameter, value) == expected


def test_a_choice_is_drawn_anew_in_a_quarter_of_the_cases():
    space = space_of({"X": Choice(values=("a", "b")), "ALWAYS": Float(low=1e-3, high=1e3, log=True)})
    rng, perturbation = np.random.default_rng(2), Perturbation(Encoder(space, {}))
    found = [next(perturbation.draws({"X": "a", "ALWAYS": 1.0}, rng))["X"] for _ in range(400)]
    assert 0.19 < found.count("b") / 400 < 0.31


def test_a_neighbour_always_differs_and_keeps_the_constraints():
    """One step of A breaks the constraint: where no full change is allowed, part of it is tried."""
    space = space_of({"A": Int(low=1, high=9), "K": Choice(values=("a", "b"))}, constraints=("A % 2 == 1",))
    found = drawn(space, {"A": 5, "K": "a"})
    assert found
    assert all(one != {"A": 5, "K": "a"} and one["A"] % 2 == 1 for one in found)


def test_what_a_training_cannot_change_stays_the_parents():
    space = space_of(
        {"SOLVER.BASE_LR": Float(low=1e-5, high=1.0, log=True), "MODEL.HEADS.POOL_LAYER": Choice(values=("a", "b"))},
        recipe="bnneck",
    )
    found = drawn(space, {"SOLVER.BASE_LR": 1e-3, "MODEL.HEADS.POOL_LAYER": "b"})
    assert {one["MODEL.HEADS.POOL_LAYER"] for one in found} == {"b"}
    assert {one["SOLVER.BASE_LR"] for one in found} == {0.0008, 0.0012}


def test_a_parameter_that_becomes_active_is_drawn_and_one_that_leaves_goes():
    space = space_of(
        {
            "SOLVER.SCHED": Choice(values=("cosine", "steps")),
            "SOLVER.GAMMA": Float(low=0.05, high=0.5, log=True, when={"SOLVER.SCHED": "steps"}),
            "SOLVER.ETA": Float(low=0.1, high=0.2, when={"SOLVER.SCHED": "cosine"}),
        },
        recipe="bnneck",
    )
    found = drawn(space, {"SOLVER.SCHED": "cosine", "SOLVER.ETA": 0.15}, base=RECIPE, count=40)
    steps = [one for one in found if one["SOLVER.SCHED"] == "steps"]
    assert len({one["SOLVER.GAMMA"] for one in steps}) > 1
    assert all("SOLVER.ETA" not in one for one in steps)


def test_a_change_that_would_give_the_model_another_architecture_is_not_made():
    """A pooling that counts under one schedule only: the recipe's comes back when the schedule changes."""
    pooled = {
        "SOLVER.SCHED": Choice(values=("a", "b")),
        "MODEL.HEADS.POOL_LAYER": Choice(values=("GlobalAvgPool", "GlobalMaxPool"), when={"SOLVER.SCHED": "a"}),
        "SOLVER.BASE_LR": Float(low=1e-5, high=1.0, log=True),
    }
    space = space_of(pooled, recipe="bnneck")
    other = {"SOLVER.SCHED": "a", "MODEL.HEADS.POOL_LAYER": "GlobalMaxPool", "SOLVER.BASE_LR": 0.1}
    assert {one["SOLVER.SCHED"] for one in drawn(space, other, base=RECIPE)} == {"a"}
    same = {**other, "MODEL.HEADS.POOL_LAYER": "GlobalAvgPool"}
    assert {one["SOLVER.SCHED"] for one in drawn(space, same, base=RECIPE)} == {"a", "b"}


def test_nothing_is_drawn_where_nothing_may_change():
    space = space_of({"SOLVER.OPT": Choice(values=("Adam", "SGD"))}, recipe="bnneck")
    assert changeable(space) == ()
    assert drawn(space, {"SOLVER.OPT": "SGD"}) == []
    with pytest.raises(SpaceError, match=r"nothing in s may change while a trial trains: SOLVER\.OPT"):
        check_changeable(space)


def test_changes_are_told_in_words():
    space = space_of({"A.LR": Float(low=0.0, high=9.0), "B.LR": Int(low=0, high=9), "K": Choice(values=("a", "b"))})
    perturbation = Perturbation(Encoder(space, {}))
    before = {"A.LR": 0.5, "B.LR": 0, "K": "a"}
    assert perturbation.told(before, {"A.LR": 0.6, "B.LR": 1, "K": "b"}) == "A.LR x 1.2, B.LR 1, K b"
    assert perturbation.told(before, {"A.LR": 0.4, "B.LR": 0, "K": "a"}) == "A.LR x 0.8"
