"""Spaces in Optuna's and ConfigSpace's words."""

from __future__ import annotations

import importlib.util

import numpy as np
import optuna
import pytest

from reid_core.errors import UsageError
from search_spaces import catalog
from search_spaces.convert import from_configspace, from_optuna, to_configspace, to_optuna
from search_spaces.load import load_space
from search_spaces.model import Choice, Float, Int, Space
from search_spaces.sampling import validate_values

SPACE = Space(
    name="test",
    parameters={
        "x": Float(low=1e-3, high=1.0, log=True),
        "n": Int(low=1, high=10, step=4),
        "both": Int(low=1, high=10, step=4, log=True),
        "size": Choice(values=([64, 32], [128, 64], True, 1)),
        "child": Float(low=0.0, high=1.0, when={"size": True}),
    },
)


def test_distributions_match_the_parameters():
    made = to_optuna(SPACE)
    assert made == {
        "x": optuna.distributions.FloatDistribution(1e-3, 1.0, log=True),
        "n": optuna.distributions.IntDistribution(1, 9, step=4),
        "both": optuna.distributions.CategoricalDistribution([1, 5, 9]),
        "size": optuna.distributions.CategoricalDistribution(["[64, 32]", "[128, 64]", True, 1]),
        "child": optuna.distributions.FloatDistribution(0.0, 1.0),
    }


@pytest.mark.slow
@pytest.mark.parametrize("ref", ["test", *catalog.names()])
def test_what_optuna_suggests_is_valid_here(ref):
    loaded = None if ref == "test" else load_space(ref)
    space, base = (SPACE, {}) if loaded is None else (loaded.space, loaded.base)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(20):
        values = from_optuna(space, base, study.ask(to_optuna(space)).params)
        assert {finding.code for finding in validate_values(space, base, values)} <= {"constraint"}


def test_lists_and_booleans_come_back_as_they_were():
    assert from_optuna(SPACE, {}, {"size": "[64, 32]"}) == {"size": [64, 32]}
    assert from_optuna(SPACE, {}, {"size": True, "child": 0.5})["size"] is True
    assert from_optuna(SPACE, {}, {"size": 1, "child": 0.5}) == {"size": 1}


@pytest.mark.skipif(importlib.util.find_spec("ConfigSpace") is not None, reason="ConfigSpace is installed")
def test_missing_configspace_is_told_with_the_extra_that_brings_it():
    with pytest.raises(UsageError, match="hpbandster"):
        to_configspace(SPACE, {})


@pytest.mark.parametrize("name", catalog.names())
def test_what_configspace_suggests_is_valid_here(name):
    pytest.importorskip("ConfigSpace", reason="the extra hpbandster is not installed")
    loaded = load_space(name)
    made = to_configspace(loaded.space, loaded.base, seed=0)
    assert from_configspace(loaded.space, dict(made.get_default_configuration())) == {
        key: value for key, value in loaded.defaults.items() if key in dict(made.get_default_configuration())
    }
    for suggested in made.sample_configuration(20):
        found = validate_values(loaded.space, loaded.base, from_configspace(loaded.space, dict(suggested)))
        assert {finding.code for finding in found} <= {"constraint"}


def test_numpys_scalars_become_plain_values():
    given = {"x": np.float64(0.5), "n": np.int64(5), "size": np.bool_(True), "child": np.float64(0.5)}  # noqa: FBT003 - numpy's signature
    back = from_configspace(SPACE, given)
    assert back == {"x": 0.5, "n": 5, "size": True, "child": 0.5}
    assert [type(value) for value in back.values()] == [float, int, bool, float]
