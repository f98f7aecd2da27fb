"""The map between normal scores and the objective's unit."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import rankdata

from orchestrator.service.analysis.scale import Scale

VALUES = np.array([0.1, 0.5, 0.42, -math.inf, 0.3, 0.42, 0.61])


def scores_of(values):
    return ndtri((rankdata(values) - 0.5) / len(values))


def test_scores_of_the_results_map_back_to_the_results():
    scale = Scale.of(VALUES)
    real = np.isfinite(VALUES)
    assert scale.units(scores_of(VALUES)[real]) == pytest.approx(VALUES[real])


def test_units_never_fall_and_a_failure_is_worth_the_worst_real_value():
    units = Scale.of(VALUES).units(np.linspace(-6, 6, 500))
    assert (np.diff(units) >= 0).all()
    assert units[0] == 0.1


def test_inverse_gives_the_scores_back_also_beyond_the_best():
    scale = Scale.of(VALUES)
    scores = np.linspace(scale.scores[0], scale.scores[-1] + 2, 50)
    assert scale.scored(scale.units(scores)) == pytest.approx(scores)


def test_bounds_hold_beyond_the_best():
    assert Scale.of(VALUES, 0.0, 1.0).units(np.array([50.0])).tolist() == [1.0]


@pytest.mark.parametrize("values", [np.array([0.4]), np.full(5, 0.4), np.array([-math.inf, 0.4])])
def test_one_value_alone_is_what_everything_is_worth(values):
    scale = Scale.of(values)
    assert scale.units(np.array([-2.0, 0.0, 2.0])).tolist() == [0.4, 0.4, 0.4]
    mean, deviation = scale.moments(np.zeros(1), np.ones(1))
    assert (mean[0], deviation[0]) == (pytest.approx(0.4), pytest.approx(0.0, abs=1e-9))


@pytest.mark.slow
def test_moments_and_gains_agree_with_drawn_numbers():
    scale = Scale.of(VALUES)
    mean, deviation = np.array([-0.5, 0.8]), np.array([0.7, 0.4])
    drawn = scale.units(mean + deviation * np.random.default_rng(0).standard_normal((400_000, 2)))
    found_mean, found_deviation = scale.moments(mean, deviation)
    assert found_mean == pytest.approx(drawn.mean(axis=0), abs=1e-3)
    assert found_deviation == pytest.approx(drawn.std(axis=0), abs=1e-3)
    assert scale.gains(mean, deviation, 0.5) == pytest.approx(np.maximum(drawn - 0.5, 0).mean(axis=0), abs=1e-3)
    joint = np.maximum(drawn.max(axis=1) - 0.5, 0).mean()
    assert scale.joint_gain(mean, deviation, 0.5) == pytest.approx(joint, abs=1e-3)


def test_joint_gain_of_one_is_its_gain():
    scale = Scale.of(VALUES)
    mean, deviation = np.array([0.6]), np.array([0.5])
    assert scale.joint_gain(mean, deviation, 0.55) == pytest.approx(scale.gains(mean, deviation, 0.55)[0], abs=1e-4)
