"""Two histograms of distances: the same, a little and much apart."""

import numpy as np
import pytest

from reid_core.gallery.drift import BINS, Verdict, binned, compare_spreads


def spread(centre, count=5000, seed=0):
    return binned(np.random.default_rng(seed).normal(centre, 0.05, count)).tolist()


def test_the_same_distances_are_stable():
    found = compare_spreads(spread(0.4), spread(0.4, seed=1))
    assert found.verdict is Verdict.STABLE
    assert found.psi < 0.02
    assert found.expected_median == pytest.approx(0.4, abs=0.02)


def test_farther_distances_are_drift():
    found = compare_spreads(spread(0.4), spread(0.5, seed=1))
    assert found.verdict is Verdict.DRIFT
    assert found.ks > 0.5


def test_psi_and_ks_follow_their_definitions():
    first, second = np.zeros(BINS), np.zeros(BINS)
    first[[10, 20]], second[[10, 20]] = (500, 500), (700, 300)
    found = compare_spreads(first.astype(int).tolist(), second.astype(int).tolist())
    assert found.psi == pytest.approx(0.2 * np.log(0.7 / 0.5) - 0.2 * np.log(0.3 / 0.5), rel=1e-3)
    assert found.ks == pytest.approx(0.2)
    assert found.verdict is Verdict.WATCH


def test_few_distances_say_nothing():
    assert compare_spreads(spread(0.4), spread(0.9, count=50)).verdict is Verdict.TOO_FEW
    assert compare_spreads([0] * BINS, spread(0.9)).verdict is Verdict.TOO_FEW


def test_what_is_no_distance_is_not_counted():
    assert binned(np.array([0.1, np.inf, np.nan, 2.1])).sum() == 2
