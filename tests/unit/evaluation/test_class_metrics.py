"""Top-k accuracy and cross-entropy of scores, against sorting and the definition."""

from __future__ import annotations

import math

import numpy as np
import pytest

from reid_core.evaluation import class_accuracy, class_ranks, mean_cross_entropy


def test_a_hand_made_table():
    scores = np.array([[3.0, 1.0, 2.0], [0.0, 5.0, 4.0], [1.0, 2.0, 0.0], [9.0, 8.0, 7.0]])
    ranks = class_ranks(scores, np.array([0, 2, 2, 1]))
    assert ranks.tolist() == [0, 1, 2, 1]
    assert [class_accuracy(ranks, k) for k in (1, 2, 3)] == [0.25, 0.75, 1.0]


@pytest.mark.parametrize("k", [1, 2, 5])
def test_top_k_is_membership_among_the_k_best_of_a_stable_sort(k):
    rng = np.random.default_rng(k)
    scores, labels = rng.integers(0, 4, (200, 7)).astype(np.float32), rng.integers(0, 7, 200)
    wanted = [
        label in sorted(range(7), key=lambda place, row=row: -row[place])[:k]
        for row, label in zip(scores, labels, strict=True)
    ]
    assert class_accuracy(class_ranks(scores, labels), k) == np.mean(wanted)


def test_rank_0_is_what_argmax_takes_even_where_scores_are_equal():
    scores = np.zeros((3, 3), np.float32)
    labels = np.arange(3)
    assert ((class_ranks(scores, labels) == 0) == (scores.argmax(axis=1) == labels)).all()


def test_more_places_than_classes_are_all_right():
    assert class_accuracy(class_ranks(np.eye(3), np.array([1, 2, 0])), 5) == 1.0


def test_cross_entropy_is_the_mean_negative_logarithm_of_the_true_class():
    rng = np.random.default_rng(0)
    scores, labels = rng.normal(size=(50, 4)), rng.integers(0, 4, 50)
    wanted = [
        -math.log(math.exp(row[label]) / sum(map(math.exp, row))) for row, label in zip(scores, labels, strict=True)
    ]
    assert mean_cross_entropy(scores, labels) == pytest.approx(np.mean(wanted))


def test_cross_entropy_of_large_scores_is_finite():
    assert mean_cross_entropy(np.array([[1000.0, 0.0]], np.float32), np.array([1])) == pytest.approx(1000.0)
