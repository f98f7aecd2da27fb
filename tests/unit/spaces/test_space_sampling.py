"""Draws, neighbours and grids: inside the space, as its constraints say, the same for the same seed."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from reid_core.errors import SpaceError
from search_spaces.encoding import Encoder
from search_spaces.model import Choice, Float, Int, Space
from search_spaces.sampling import draw_near, grid, sample, sample_near, validate_values

SPACE = Space(
    name="test",
    parameters={
        "lr": Float(low=1e-4, high=1e-2, log=True),
        "batch": Choice(values=(16, 24, 32), ordered=True),
        "group": Int(low=2, high=8),
        "kind": Choice(values=("a", "b", "c")),
        "margin": Float(low=0, high=1, when={"kind": "a"}),
    },
    constraints=("batch % group == 0",),
)


def draws(count, seed=0):
    rng = np.random.default_rng(seed)
    return [sample(SPACE, {}, rng) for _ in range(count)]


def test_samples_satisfy_space_and_constraints():
    for values in draws(200):
        assert validate_values(SPACE, {}, values) == []
        assert values["batch"] % values["group"] == 0
        assert ("margin" in values) is (values["kind"] == "a")


@pytest.mark.slow
def test_samples_cover_a_logarithmic_scale_evenly():
    counts, _ = np.histogram([np.log10(values["lr"]) for values in draws(1000)], bins=4, range=(-4, -2))
    assert counts.min() > 200


@pytest.mark.slow
def test_sampling_does_not_depend_on_the_hash_seed():
    code = (
        "import json, numpy as np\n"
        "from search_spaces.load import load_space\n"
        "from search_spaces.sampling import sample\n"
        "loaded, rng = load_space('optimizer'), np.random.default_rng(7)\n"
        "print(json.dumps([sample(loaded.space, loaded.base, rng) for _ in range(5)]))\n"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        )
        for seed in ("1", "2")
    ]
    assert runs[0].stdout == runs[1].stdout
    assert len(json.loads(runs[0].stdout)) == 5


@pytest.mark.slow
def test_constraints_that_nothing_satisfies_are_an_error_not_a_hang():
    space = SPACE.model_copy(update={"constraints": ("lr > 1", "group > 0")})
    with pytest.raises(SpaceError) as caught:
        sample(space, {}, np.random.default_rng(0))
    assert caught.value.findings[0].code == "unsatisfiable"
    assert "`lr > 1`" in str(caught.value)


def test_neighbours_are_near_on_every_scale():
    centre = {"lr": 1e-3, "batch": 24, "group": 4, "kind": "a", "margin": 0.5}
    rng = np.random.default_rng(0)
    near = [sample_near(SPACE, {}, centre, rng, 0.05) for _ in range(200)]
    assert all(validate_values(SPACE, {}, values) == [] for values in near)
    assert np.median([abs(np.log10(values["lr"] / 1e-3)) for values in near]) < 0.15
    changed = np.mean([values["kind"] != "a" for values in near])
    assert 0.0 < changed < 0.1


def test_neighbour_of_width_zero_is_the_centre():
    centre = {"lr": 1e-3, "batch": 24, "group": 4, "kind": "b"}
    assert sample_near(SPACE, {}, centre, np.random.default_rng(0), 0.0) == centre


def test_parameter_that_becomes_active_near_a_centre_is_uniform():
    cube = Encoder(SPACE, {})
    rng = np.random.default_rng(0)
    centre = {"lr": 1e-3, "batch": 24, "group": 4, "kind": "b"}
    margins = [
        values["margin"] for values in (draw_near(cube, centre, rng, 0.9) for _ in range(600)) if "margin" in values
    ]
    assert len(margins) > 100
    assert np.histogram(margins, bins=4, range=(0, 1))[0].min() > len(margins) / 8


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        ({}, []),
        ({"lr": 1.0}, ["out-of-range"]),
        ({"lr": "x", "group": 99}, ["wrong-type", "out-of-range"]),
        ({"kind": "d"}, ["out-of-range"]),
        ({"other": 1}, ["unknown-key"]),
        ({"margin": 0.5}, ["inactive"]),
        ({"kind": "a"}, ["missing"]),
        ({"group": 5}, ["constraint"]),
    ],
)
def test_given_values_are_judged(change, codes):
    values = {"lr": 1e-3, "batch": 24, "group": 4, "kind": "b", **change}
    assert [finding.code for finding in validate_values(SPACE, {}, values)] == codes


def test_grid_holds_every_valid_combination_once():
    points = list(grid(Encoder(SPACE, {}), levels=2))
    assert len({json.dumps(point) for point in points}) == len(points)
    # 2 rates x (3 batches x 2 group sizes that divide them, of 3 and 7) x (1 kind with 2 margins + 2 kinds without)
    fitting = [(batch, group) for batch in (16, 24, 32) for group in (3, 7) if batch % group == 0]
    assert {(point["batch"], point["group"]) for point in points} == set(fitting)
    assert len(points) == 2 * len(fitting) * (2 + 2)
    assert all(validate_values(SPACE, {}, point) == [] for point in points)
