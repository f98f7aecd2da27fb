"""Real numbers with steps: exact values, equal shares of the cube, and the same in other libraries' words."""

from __future__ import annotations

import numpy as np
import optuna
import pytest
from pydantic import ValidationError

from reid_core.errors import SpaceError
from search_spaces.adapt import scale_parameters
from search_spaces.codec import codec_of
from search_spaces.convert import from_optuna, to_optuna
from search_spaces.describe import rows
from search_spaces.load import load_space
from search_spaces.model import Float, Space

TENTHS = Float(low=0.1, high=0.75, step=0.1)


def test_values_are_those_that_a_person_would_write():
    assert codec_of("x", TENTHS).levels(64) == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]
    assert TENTHS.levels == 7


def test_uniform_coordinates_are_uniform_values():
    codec = codec_of("x", TENTHS)
    values = [codec.decode(x) for x in (np.arange(700) + 0.5) / 700]
    assert {value: values.count(value) for value in values} == dict.fromkeys(codec.levels(64), 100)
    assert (codec.decode(-3.0), codec.decode(0.0), codec.decode(1.0), codec.decode(9.0)) == (0.1, 0.1, 0.7, 0.7)


def test_few_levels_of_many_are_spread():
    assert codec_of("x", Float(low=0.0, high=1.0, step=0.001)).levels(4) == [0.125, 0.375, 0.625, 0.875]


def test_value_between_two_steps_is_refused():
    codec = codec_of("x", TENTHS)
    assert codec.decode(codec.encode(0.1 + 2 * 0.1)) == 0.3  # 0.30000000000000004 is 0.3
    for value in (0.25, 0.75):
        with pytest.raises(SpaceError, match=r"not 0\.1 plus steps of 0\.1"):
            codec.encode(value)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"low": 0.1, "high": 1.0, "log": True, "step": 0.1}, "step-with-log"),
        ({"low": 0.1, "high": 0.5, "step": 0.6}, "choice-too-short"),
        ({"low": 0.1, "high": 0.5, "step": 0.1, "prior": 0.25}, "prior-outside-bounds"),
        ({"low": 0.1, "high": 0.5, "step": 0.1, "grid": (0.2, 0.35)}, "out-of-range"),
        ({"low": 0.1, "high": 0.5, "step": 0.0}, "greater_than"),
        ({"low": 0.0, "high": 1.0, "step": 0.9e-9}, "out-of-range"),
        ({"low": 0.0, "high": 1.0, "step": 1e-30}, "out-of-range"),  # more levels than decimals have digits
        ({"low": 0.0, "high": 1.0, "step": 1e-300}, "out-of-range"),
        ({"low": -1e300, "high": 1e300, "step": 1e-300}, "out-of-range"),  # their number is infinite
        ({"low": 0.0, "high": 1.0, "step": 5e-324}, "out-of-range"),
    ],
)
def test_step_that_makes_no_sense_is_refused(fields, code):
    with pytest.raises(ValidationError) as caught:
        Float(**fields)
    assert caught.value.errors()[0]["type"] == code


def test_a_thousand_million_steps_are_the_most():
    assert Float(low=0.0, high=1.0, step=1e-9).levels == 1_000_000_001
    with pytest.raises(SpaceError) as caught:
        load_space("name: x\nparameters:\n  x: {type: float, low: 0, high: 1, step: 1.0e-30}\n")
    (found,) = caught.value.findings
    assert (found.code, found.line, found.key) == ("out-of-range", 3, "x")
    assert "step 1e-30 makes more than 1,000,000,000 steps" in found.message


def test_recipe_value_between_two_steps_is_told_at_its_parameter():
    text = "recipe: bnneck\nparameters:\n  MODEL.LOSSES.TRI.MARGIN: {type: float, low: 0.0, high: 1.0, step: 0.25}\n"
    with pytest.raises(SpaceError) as caught:
        load_space(text)
    (found,) = caught.value.findings
    assert (found.code, found.line) == ("prior-outside-bounds", 3)
    assert "steps of 0.25" in str(found)


def test_optuna_has_the_same_values():
    space = Space(name="x", parameters={"x": TENTHS})
    assert to_optuna(space) == {"x": optuna.distributions.FloatDistribution(0.1, 0.7, step=0.1)}
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    found = {from_optuna(space, {}, study.ask(to_optuna(space)).params)["x"] for _ in range(200)}
    assert found == {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7}


def test_another_number_of_epochs_leaves_no_steps():
    parameters = {"SOLVER.WARMUP_EPOCHS": Float(low=0.0, high=10.0, step=2.5, grid=(0.0, 5.0))}
    (scaled,) = scale_parameters(parameters, 60, 20)[0].values()
    assert (scaled.low, scaled.high, scaled.step) == (0.0, pytest.approx(10 / 3), None)


def test_table_tells_the_step():
    loaded = load_space("name: x\nparameters:\n  x: {type: float, low: 0.0, high: 1.0, step: 0.25, prior: 0.5}\n")
    assert rows(loaded)[0].range == "0 to 1 by 0.25"
