"""Accuracy over folds, area under the curve and rates of true and false pairs, against loops over the definitions."""

from __future__ import annotations

import numpy as np
import pytest

from reid_core.evaluation import Distance
from reid_core.tasks.face.task import pair_distances
from reid_core.tasks.face.verification import (
    area_under_curve,
    best_threshold,
    fold_accuracies,
    verification_measures,
)


def drawn(seed, pairs=200, folds=5, decimals=None):
    rng = np.random.default_rng(seed)
    same = rng.random(pairs) < 0.5
    distances = np.where(same, rng.normal(0.5, 0.2, pairs), rng.normal(0.8, 0.2, pairs))
    if decimals is not None:
        distances = distances.round(decimals)
    return distances, same, rng.integers(0, folds, pairs)


def correct(distances, same, threshold):
    return sum((distance <= threshold) == truth for distance, truth in zip(distances, same, strict=True))


def test_a_hand_example():
    """Two folds; on each the other chooses: .3 + .5 over 2 = .4, and .2 + .6 over 2 = .4."""
    distances = np.array([0.2, 0.6, 0.7, 0.3, 0.45, 0.5])
    same = np.array([True, False, False, True, True, False])
    fold = np.array([0, 0, 0, 1, 1, 1])
    found = fold_accuracies(distances, same, fold)
    assert found.thresholds == pytest.approx([0.475, 0.4])  # between .45 and .5; between .2 and .6
    assert found.accuracies == pytest.approx([1.0, 2 / 3])  # the second fold's .45 is refused
    metrics, _ = verification_measures(distances, same, fold)
    assert metrics["accuracy"] == pytest.approx(5 / 6)
    assert metrics["accuracy_std"] == pytest.approx(np.std([1, 2 / 3], ddof=1))
    assert metrics["auc"] == 1.0


@pytest.mark.parametrize("decimals", [None, 1])
@pytest.mark.parametrize("seed", range(4))
def test_no_threshold_gets_more_pairs_right_than_the_best(seed, decimals):
    distances, same, _ = drawn(seed, 60, decimals=decimals)
    threshold = best_threshold(distances, same)
    tried = [correct(distances, same, one) for one in [-1.0, *distances]]
    assert correct(distances, same, threshold) == max(tried)
    assert min(abs(threshold - one) for one in distances) > 0 or threshold == distances.max()


def test_a_threshold_may_refuse_or_accept_everything():
    distances = np.array([0.1, 0.2, 0.3])
    assert best_threshold(distances, np.zeros(3, dtype=bool)) < 0.1
    assert best_threshold(distances, np.ones(3, dtype=bool)) >= 0.3


@pytest.mark.parametrize("seed", range(3))
def test_the_threshold_of_a_fold_is_chosen_without_it(seed):
    distances, same, fold = drawn(seed)
    found = fold_accuracies(distances, same, fold)
    for number, threshold, accuracy in zip(found.numbers, found.thresholds, found.accuracies, strict=True):
        inside = fold == number
        assert threshold == best_threshold(distances[~inside], same[~inside])
        assert accuracy == correct(distances[inside], same[inside], threshold) / inside.sum()


@pytest.mark.parametrize("decimals", [None, 1])
def test_the_area_counts_couples_in_the_right_order(decimals):
    distances, same, _ = drawn(7, 80, decimals=decimals)
    couples = [(near < far) + 0.5 * (near == far) for near in distances[same] for far in distances[~same]]
    assert area_under_curve(np.sort(distances[same]), np.sort(distances[~same])) == pytest.approx(np.mean(couples))


@pytest.mark.slow
def test_rates_are_those_of_the_best_allowed_threshold_and_absent_where_one_pair_is_too_much():
    distances, same, fold = drawn(3, 3000)
    metrics, _ = verification_measures(distances, same, fold)
    for name, rate in (("1e-3", 1e-3), ("1e-2", 1e-2)):
        allowed = [
            np.mean(distances[same] <= one)
            for one in np.concatenate([[-1.0], distances])
            if np.mean(distances[~same] <= one) <= rate
        ]
        assert metrics[f"tpr_at_fpr_{name}"] == pytest.approx(max(allowed))
    assert "tpr_at_fpr_1e-4" not in metrics
    few, _ = verification_measures(*drawn(3, 60))
    assert set(few) == {"accuracy", "accuracy_std", "auc"}


def test_distances_of_pairs_are_row_by_row():
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=(2, 5, 8)).astype(np.float32)
    cosine = [1 - a @ b / np.linalg.norm(a) / np.linalg.norm(b) for a, b in zip(left, right, strict=True)]
    assert pair_distances(left, right, Distance.COSINE) == pytest.approx(cosine, rel=1e-5)
    plain = [np.linalg.norm(a - b) for a, b in zip(left, right, strict=True)]
    assert pair_distances(left, right, Distance.EUCLIDEAN) == pytest.approx(plain, rel=1e-5)
