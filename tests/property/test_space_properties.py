"""What holds for every space: there and back, valid samples, YAML and JSON that read back."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from search_spaces.describe import diff, to_yaml
from search_spaces.encoding import Encoder
from search_spaces.load import load_space
from search_spaces.model import Choice, Float, Int, Space
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
    return Space(name="random", parameters={key: parameters[key] for key in order})


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


@settings(max_examples=40, deadline=None)
@given(spaces(), st.integers(0, 2**32 - 1), st.floats(0.0, 3.0))
def test_every_neighbour_is_valid(space, seed, width):
    cube, rng = Encoder(space, {}), np.random.default_rng(seed)
    assert findings(cube, draw_near(cube, draw(cube, rng), rng, width)) == []


@settings(max_examples=40, deadline=None)
@given(spaces(), st.integers(0, 2**32 - 1))
def test_same_seed_gives_the_same_samples(space, seed):
    first, second = (draw(Encoder(space, {}), np.random.default_rng(seed)) for _ in range(2))
    assert first == second


@settings(max_examples=40, deadline=None)
@given(spaces(), st.dictionaries(names.map("fixed.".__add__), scalars, max_size=3))
def test_yaml_and_json_read_back(space, fixed):
    space = space.model_copy(update={"fixed": fixed})
    assert Space.model_validate_json(space.model_dump_json()) == space
    back = load_space(to_yaml(space)).space
    assert diff(space, back) == []
