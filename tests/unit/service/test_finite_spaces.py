"""A search over few configurations ends when each was trained; the plan says so."""

from __future__ import annotations

import numpy as np
import pytest

from orchestrator.search.cube import Cube
from orchestrator.service.finite import finite_notes
from orchestrator.service.layout import lay_out
from orchestrator.service.views import StudyRequest
from search_spaces.encoding import Encoder
from search_spaces.model import Budget, Choice, Float, Int, Space
from search_spaces.sampling import configurations

TWO = {"kind": Choice(values=("a", "b"))}
CONDITIONAL = {**TWO, "width": Int(low=1, high=3, when={"kind": "b"})}
SEVERAL = {"count": Int(low=1, high=7), "step": Float(low=0.0, high=1.0, step=0.1)}


def _space(parameters: dict, **others) -> Space:
    return Space(name="s", parameters=parameters, budget=Budget(max_epochs=20, min_epochs=2), **others)


def _planned(space: Space, algorithm: str, **options) -> tuple[int, tuple[str, ...]]:
    request = StudyRequest(space="s", algorithm=algorithm, **options)
    plan = lay_out(request, space, {}, algorithm, request.epochs)
    return plan.trials, finite_notes(request, space, {}, algorithm, plan)


@pytest.mark.parametrize("algorithm", ["freeze-thaw", "bohb", "asha", "tpe", "random"])
def test_a_search_has_no_more_trials_than_configurations(algorithm: str) -> None:
    trials, [note] = _planned(_space(TWO), algorithm, trials=4)

    assert trials == 2
    assert note == "this space has only 2 configurations: each is trained once, which makes 2 trials"
    assert _planned(_space(TWO), algorithm, trials=2) == (2, ())


def test_epochs_pay_for_no_more_trials_than_configurations() -> None:
    trials, [note] = _planned(_space(TWO), "random", epochs=500)

    assert trials == 2
    assert "only 2 configurations" in note
    assert _planned(_space(SEVERAL), "random", epochs=100) == (5, ())


def test_a_population_keeps_its_members_with_a_note() -> None:
    trials, [note] = _planned(_space(TWO), "pbt", trials=8)

    assert trials == 8
    assert note == "this space has only 2 configurations: some of the 8 members begin alike"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("space", "count"),
    [
        (_space(TWO), 2),
        (_space(CONDITIONAL), 4),
        (_space(SEVERAL), 77),
        (_space(SEVERAL, constraints=("count <= 2",)), 22),
        (_space({**TWO, "rate": Float(low=0.0, high=1.0)}), None),
        (_space({"long": Int(low=1, high=20_000)}), None),
    ],
)
def test_configurations_are_counted_as_conditions_and_constraints_leave_them(space: Space, count: int | None) -> None:
    every = configurations(Encoder(space, {}))

    assert (None if every is None else len(list(every))) == count


@pytest.mark.parametrize("parameters", [TWO, CONDITIONAL, SEVERAL])
def test_uniform_draws_find_every_configuration_before_one_comes_again(parameters: dict) -> None:
    cube = Cube(_space(parameters), {})
    every = list(configurations(cube.encoder))
    drawn: list = []
    for number in range(len(every)):
        drawn.append(cube.random(np.random.default_rng(number), drawn))

    assert sorted(map(str, drawn)) == sorted(map(str, every))
    assert cube.random(np.random.default_rng(0), drawn) in every
