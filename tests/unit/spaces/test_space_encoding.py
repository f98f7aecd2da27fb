"""The unit cube: each kind of parameter as a coordinate, conditions, the first configuration."""

from __future__ import annotations

import math

import numpy as np
import pytest

from reid_core.errors import SpaceError
from search_spaces.encoding import Encoder, complete
from search_spaces.load import load_space
from search_spaces.model import Choice, Float, Int, Space


def encoder(base=None, constraints=(), **parameters):
    return Encoder(Space(name="test", parameters=parameters, constraints=constraints), base)


def test_real_number_is_placed_on_its_scale():
    cube = encoder(linear=Float(low=2, high=4), log=Float(low=1e-4, high=1e-2, log=True))
    assert cube.encode({"linear": 2.5, "log": 1e-3}) == pytest.approx([0.25, 0.5])
    assert cube.decode(np.array([0.25, 0.5])) == {"linear": 2.5, "log": 1e-3}


def test_coordinate_outside_the_cube_is_clipped_to_the_bounds():
    cube = encoder(x=Float(low=1 / 3, high=2 / 3), n=Int(low=1, high=5), o=Choice(values=("a", "b"), ordered=True))
    assert cube.decode(np.array([-1.0, -1.0, -1.0])) == {"x": 1 / 3, "n": 1, "o": "a"}
    assert cube.decode(np.array([2.0, 2.0, 2.0])) == {"x": 2 / 3, "n": 5, "o": "b"}


@pytest.mark.parametrize(
    "parameter",
    [
        Int(low=-3, high=3),
        Int(low=1, high=10, step=4),
        Int(low=16, high=512, log=True),
        Int(low=1, high=64, step=3, log=True),
        Choice(values=(2, 4, 8), ordered=True),
        Choice(values=("a", True, 1, None, [1, 2], [])),
    ],
)
def test_every_level_survives_the_way_there_and_back(parameter):
    cube = encoder(p=parameter)
    levels = cube.codecs[0].levels(1000)
    assert len(levels) == (parameter.levels if isinstance(parameter, Int) else len(parameter.values))
    for value in levels:
        back = cube.decode(cube.encode({"p": value}))["p"]
        assert (back, type(back)) == (value, type(value))


@pytest.mark.parametrize("parameter", [Int(low=0, high=4), Int(low=2, high=10, step=2), Choice(values=(1, 2, 3, 4, 5))])
def test_uniform_cube_is_uniform_over_levels(parameter):
    cube = encoder(p=parameter)
    drawn = [cube.decode(cube.from_unit(np.array([x])))["p"] for x in np.linspace(0.0005, 0.9995, 1000)]
    counts = [drawn.count(value) for value in cube.codecs[0].levels(5)]
    assert counts == [200] * 5


def test_kind_and_categories_tell_models_what_a_coordinate_is():
    cube = encoder(
        x=Float(low=0, high=1),
        u=Choice(values=("a", "b", "c")),
        o=Choice(values=(1, 2), ordered=True),
        n=Int(low=0, high=1),
    )
    assert cube.names == ("x", "u", "o", "n")
    assert cube.kind.tolist() == ["c", "u", "c", "c"]
    assert cube.categories.tolist() == [0, 3, 0, 0]
    assert cube.encode({"x": 0.5, "u": "c", "o": 2, "n": 0}).tolist() == [0.5, 2.0, 0.75, 0.25]


CONDITIONAL = {
    "child": Float(low=0, high=1, when={"parent": ["a", "b"], "outside": True}),
    "grandchild": Int(low=0, high=3, when={"child": [0.5]}),
    "parent": Choice(values=("a", "b", "c")),
}


@pytest.mark.parametrize(
    ("outside", "values", "active"),
    [
        (True, {"parent": "a", "child": 0.5}, {"parent", "child", "grandchild"}),
        (True, {"parent": "b", "child": 0.25}, {"parent", "child"}),
        (True, {"parent": "c", "child": 0.5}, {"parent"}),
        (False, {"parent": "a", "child": 0.5}, {"parent"}),
        (1, {"parent": "a", "child": 0.5}, {"parent"}),
    ],
)
def test_parameter_is_active_when_conditions_and_parents_are(outside, values, active):
    assert encoder({"outside": outside}, **CONDITIONAL).active(values) == active


def test_inactive_parameter_is_nan_and_its_coordinate_does_not_count():
    cube = encoder({"outside": True}, **CONDITIONAL)
    vector = cube.encode({"parent": "c", "child": 0.5, "grandchild": 1})
    assert np.isnan(vector).tolist() == [True, True, False]
    assert cube.decode(np.array([0.5, math.nan, 2.0])) == {"parent": "c"}


def test_nan_in_an_active_coordinate_is_an_error():
    with pytest.raises(ValueError, match="child is active"):
        encoder({"outside": True}, **CONDITIONAL).decode(np.array([math.nan, 0.5, 0.0]))


def test_decoded_values_are_in_the_order_of_the_space():
    cube = encoder({"outside": True}, **CONDITIONAL)
    assert list(cube.decode(np.array([0.5, 0.1, 0.0]))) == ["child", "grandchild", "parent"]


@pytest.mark.parametrize(
    ("value", "code"), [(2.0, "out-of-range"), ("x", "wrong-type"), (True, "wrong-type"), (math.nan, "out-of-range")]
)
def test_value_that_a_parameter_lacks_is_refused(value, code):
    with pytest.raises(SpaceError) as caught:
        encoder(x=Float(low=0, high=1)).encode({"x": value})
    assert (caught.value.findings[0].code, caught.value.findings[0].key) == (code, "x")


def test_whole_number_off_its_steps_is_refused():
    with pytest.raises(SpaceError, match="plus steps of 2"):
        encoder(n=Int(low=0, high=8, step=2)).encode({"n": 3})


def test_real_values_are_short_enough_to_read_and_to_repeat_elsewhere():
    cube = encoder(x=Float(low=1e-5, high=1e-2, log=True), y=Float(low=0, high=0.8))
    for unit in np.random.default_rng(0).random((50, 2)):
        assert all(len(repr(value)) <= 13 for value in cube.decode(unit).values())


def test_narrow_range_keeps_its_resolution():
    cube = encoder(x=Float(low=1000.0, high=1000.001), y=Float(low=1.0, high=1.000001, log=True))
    drawn = [cube.decode(np.array([x, x])) for x in np.linspace(0, 1, 101)]
    assert len({values["x"] for values in drawn}) == len({values["y"] for values in drawn}) == 101


def test_first_configuration_is_the_default_of_active_parameters():
    loaded = load_space("bnneck", overrides={"MODEL.LOSSES.TRI.MARGIN": 0.4})
    first = Encoder(loaded.space, loaded.base).first()
    assert first == {key: loaded.defaults[key] for key in loaded.space.parameters}
    cube = encoder({"outside": True, "child": 0.5, "parent": "c"}, **CONDITIONAL)
    assert cube.first() == {"parent": "c"}


def test_whole_configuration_keeps_the_base_of_inactive_parameters():
    assert complete({"a": 1, "b": 2}, {"a": 3}, {}) == {"a": 3, "b": 2}


def test_many_configurations_are_rows():
    cube = encoder(x=Float(low=0, high=2))
    assert cube.encode_many([{"x": 1.0}, {}]).shape == (2, 1)
    assert cube.encode_many([]).shape == (0, 1)
