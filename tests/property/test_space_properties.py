"""What holds for every space: there and back, valid samples, YAML and JSON that read back."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search_spaces.codec import codec_of
from search_spaces.describe import diff, to_yaml
from search_spaces.encoding import Encoder
from search_spaces.load import load_space
from search_spaces.model import Choice, Float, Int, Space, Tied
from search_spaces.sampling import draw, draw_near, findings

names = st.from_regex(r"[A-Z]{1,3}(\.[A-Z_]{1,4}){0,2}", fullmatch=True)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**6), 10**6),
    st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: round(x, 4)),
    st.text(st.characters(codec="ascii", min_codepoint=32, max_codepoint=126), max_size=8),
)


@st.composite
def floats(draw_from):
    if draw_from(st.booleans()):
        low = draw_from(st.floats(1e-8, 1e3))
        return Float(low=low, high=low * draw_from(st.floats(1.001, 1e6)), log=True)
    if draw_from(st.booleans()):
        low, step = draw_from(st.integers(-999, 999)), draw_from(st.integers(1, 99))
        high = low + step * draw_from(st.integers(1, 400)) + draw_from(st.integers(0, step - 1))
        places = draw_from(st.integers(-6, 2))
        low, high, step = (
            float(Decimal(number).scaleb(places)) for number in (low, high, step)
        )  # as people write them
        return Float(low=low, high=high, step=step)
    low = draw_from(st.floats(-1e3, 1e3))
    return Float(low=low, high=low + draw_from(st.floats(1e-3, 1e6)))


@st.composite
def ints(draw_from):
    log = draw_from(st.booleans())
    low = draw_from(st.integers(1 if log else -1000, 1000))
    step = draw_from(st.integers(1, 7))
    return Int(low=low, high=low + draw_from(st.integers(step, 5000)), step=step, log=log)


def distinct(values):
    return len({(isinstance(value, bool), value) for value in values}) == len(values)


@st.composite
def choices(draw_from):
    values = draw_from(st.lists(scalars, min_size=2, max_size=5).filter(distinct))
    return Choice(values=tuple(values), ordered=draw_from(st.booleans()))


@st.composite
def spaces(draw_from):
    keys = draw_from(st.lists(names, min_size=1, max_size=6, unique=True))
    parameters = {}
    for key in keys:
        parameter = draw_from(st.one_of(floats(), ints(), choices()))
        parents = [name for name, other in parameters.items() if isinstance(other, Choice)]
        if parents and draw_from(st.booleans()):
            parent = draw_from(st.sampled_from(parents))
            wanted = draw_from(st.sampled_from(parameters[parent].values))
            parameter = parameter.model_copy(update={"when": {parent: wanted}})
        parameters[key] = parameter
    order = draw_from(st.permutations(keys))
    tied = draw_from(ties(parameters))
    return Space(name="random", parameters={key: parameters[key] for key in order}, tied=tied)


@st.composite
def ties(draw_from, parameters):
    """Each follows a parameter or a tied key before it; numbers also by a factor, an offset or an expression."""
    tied, numbers = {}, [key for key, other in parameters.items() if not isinstance(other, Choice) and not other.when]
    always = [key for key, other in parameters.items() if not other.when]
    for number in range(draw_from(st.integers(0, 3)) if always else 0):
        name = f"tied.T{number}"
        if numbers and draw_from(st.booleans()):
            key = draw_from(st.sampled_from(numbers))
            factor, offset = draw_from(st.floats(-10, 10)), draw_from(st.floats(-10, 10))
            plain = Tied(to=key, factor=factor, offset=offset, whole=draw_from(st.booleans()))
            tied[name] = draw_from(
                st.sampled_from([plain, Tied(expression=f"max({key}, 0) + 1 if {key} < 5 else -{key}")])
            )
            numbers.append(name)
        else:
            tied[name] = Tied(to=draw_from(st.sampled_from([*always, *tied])))
    return tied


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(spaces(), st.integers(0, 2**32 - 1))
def test_every_sample_is_valid_and_survives_the_cube(space, seed):
    cube, rng = Encoder(space, {}), np.random.default_rng(seed)
    for _ in range(5):
        values = draw(cube, rng)
        vector = cube.encode(values)
        back = cube.decode(vector)
        assert findings(cube, values) == []
        assert back == values
        assert [type(value) for value in back.values()] == [type(value) for value in values.values()]
        assert {name for name, x in zip(cube.names, vector, strict=True) if not np.isnan(x)} == cube.active(values)
        inside = vector[(cube.kind == "c") & ~np.isnan(vector)]
        assert ((inside >= 0) & (inside <= 1)).all()


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(spaces(), st.integers(0, 2**32 - 1))
def test_tied_keys_follow_in_every_sample_and_change_no_draw(space, seed):
    cube = Encoder(space, {})
    values = draw(cube, np.random.default_rng(seed))
    assert values == draw(Encoder(space.model_copy(update={"tied": {}}), {}), np.random.default_rng(seed))
    whole = cube.complete(values)
    assert set(whole) == {*values, *space.tied}
    assert {key: whole[key] for key in values} == values
    for key, rule in space.tied.items():
        if rule.to and (rule.factor, rule.offset, rule.whole) == (1.0, 0.0, False):
            assert whole[key] == whole[rule.to]
        elif rule.to:
            exact = whole[rule.to] * rule.factor + rule.offset
            assert abs(whole[key] - exact) <= (0.5 if rule.whole else 0.0) + 1e-9 * (1 + abs(exact))
            assert isinstance(whole[key], int) or not rule.whole


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(floats().filter(lambda parameter: parameter.step is not None), st.floats(0.0, 1.0))
def test_steps_are_exact_and_share_the_cube_equally(parameter, x):
    codec = codec_of("x", parameter)
    value = codec.decode(x)
    assert value == codec.decode(codec.encode(value))
    assert parameter.at_level(parameter.level_of(value)) == value
    assert parameter.low <= value <= parameter.high
    assert abs(codec.encode(value) - x) <= 0.5 / parameter.levels + 1e-9


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(spaces(), st.integers(0, 2**32 - 1), st.floats(0.0, 3.0))
def test_every_neighbour_is_valid(space, seed, width):
    cube, rng = Encoder(space, {}), np.random.default_rng(seed)
    assert findings(cube, draw_near(cube, draw(cube, rng), rng, width)) == []


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(spaces(), st.integers(0, 2**32 - 1))
def test_same_seed_gives_the_same_samples(space, seed):
    first, second = (draw(Encoder(space, {}), np.random.default_rng(seed)) for _ in range(2))
    assert first == second


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(spaces(), st.dictionaries(names.map("fixed.".__add__), scalars, max_size=3))
def test_yaml_and_json_read_back(space, fixed):
    space = space.model_copy(update={"fixed": fixed})
    assert Space.model_validate_json(space.model_dump_json()) == space
    back = load_space(to_yaml(space)).space
    assert diff(space, back) == []
