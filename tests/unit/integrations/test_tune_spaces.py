"""A param_space of Ray Tune as one of our spaces: the same values can be drawn, and what cannot be modelled is told."""

from __future__ import annotations

import numpy as np
import pytest
from ray import tune

from orchestrator.integrations.ray_tune import space_of
from orchestrator.integrations.tune_space import nested
from reid_core.errors import SpaceError
from search_spaces.encoding import Encoder
from search_spaces.model import Choice, Float, Int
from search_spaces.sampling import draw


def test_every_domain_has_its_parameter():
    space = space_of(
        {
            "u": tune.uniform(0.0, 2.0),
            "q": tune.quniform(0.1, 0.5, 0.1),
            "l": tune.loguniform(1e-4, 1e-1),
            "i": tune.randint(1, 9),
            "qi": tune.qrandint(2, 16, 4),
            "li": tune.lograndint(1, 65),
            "qli": tune.qlograndint(8, 64, 8),
            "c": tune.choice(["a", 1, [2, 3]]),
            "one": tune.choice([5]),
            "constant": 3,
            "model": {"depth": tune.choice([18, 50]), "name": "resnet"},
        }
    )
    assert space.parameters == {
        "u": Float(low=0.0, high=2.0),
        "q": Float(low=0.1, high=0.5, step=0.1),
        "l": Float(low=1e-4, high=1e-1, log=True),
        "i": Int(low=1, high=8),
        "qi": Int(low=4, high=16, step=4),
        "li": Int(low=1, high=64, log=True),
        "qli": Int(low=8, high=64, step=8, log=True),
        "c": Choice(values=("a", 1, [2, 3])),
        "model/depth": Choice(values=(18, 50)),
    }
    assert space.fixed == {"one": 5}


@pytest.mark.parametrize(
    "domain",
    [
        tune.randint(3, 7),
        tune.qrandint(0, 20, 5),
        tune.quniform(-1.0, 1.0, 0.25),
        tune.choice(["a", "b", "c"]),
    ],
)
def test_the_same_values_are_drawn_as_by_tune(domain):
    theirs = {
        round(domain.sample(), 9) if not isinstance(domain.sample(), str) else domain.sample() for _ in range(400)
    }
    encoder, rng = Encoder(space_of({"x": domain})), np.random.default_rng(0)
    assert {draw(encoder, rng)["x"] for _ in range(400)} == theirs


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        (tune.sample_from(lambda _: 1), "drawn by a function"),
        (tune.randn(0.0, 1.0), "no distribution over an interval"),
        (tune.grid_search([1, 2]), "use tune.choice"),
        (tune.qloguniform(0.1, 10.0, 0.1), "use tune.loguniform"),
        (tune.choice([print, len]), "not a plain value"),
        (tune.choice([1, 1]), "listed twice"),
    ],
)
def test_what_a_model_cannot_learn_over_is_refused_by_its_key(entry, says):
    with pytest.raises(SpaceError, match=says) as caught:
        space_of({"model": {"x": entry}, "y": tune.uniform(0.0, 1.0)})
    assert {finding.key for finding in caught.value.findings} == {"model/x"}


def test_space_in_which_nothing_varies_is_refused():
    with pytest.raises(SpaceError, match="nothing varies"):
        space_of({"x": 3})


def test_values_of_nested_keys_are_nested_again():
    assert nested({"a": 1, "b/c": 2, "b/d/e": [3]}) == {"a": 1, "b": {"c": 2, "d": {"e": [3]}}}
