"""mA and the instance-based shares, against loops over the definitions and a table made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from reid_core.evaluation import attribute_metrics


def naive(answers, targets):
    """Every share image by image and attribute by attribute."""
    images, attributes = targets.shape
    balanced = []
    for a in range(attributes):
        right = {0: [], 1: []}
        for i in range(images):
            if targets[i, a] >= 0:
                right[int(targets[i, a])].append(answers[i, a] == bool(targets[i, a]))
        if right[0] and right[1]:
            balanced.append((np.mean(right[0]) + np.mean(right[1])) / 2)
    shares = []
    for i in range(images):
        said = {a for a in range(attributes) if answers[i, a] and targets[i, a] >= 0}
        true = {a for a in range(attributes) if targets[i, a] == 1}
        if true:
            both = len(said & true)
            shares.append((both / len(said | true), both / len(said) if said else 0.0, both / len(true)))
    accuracy, precision, recall = np.mean(shares, axis=0)
    return np.mean(balanced), accuracy, precision, recall, 2 * precision * recall / (precision + recall)


def measured(told):
    return told.mean_accuracy, told.accuracy, told.precision, told.recall, told.f1


def test_a_hand_made_table():
    targets = np.array([[1, 0], [1, 1], [0, 1], [0, 0]], np.float32)
    answers = np.array([[1, 0], [0, 1], [1, 1], [0, 0]], bool)
    told = attribute_metrics(answers, targets)
    assert told.balanced.tolist() == [0.5, 1.0]
    assert told.precisions.tolist() == [0.5, 1.0]
    assert told.recalls.tolist() == [0.5, 1.0]
    # of the three images with an attribute: 1/1, 1/2 and 1/2 right among either; the fourth has none
    assert told.mean_accuracy == 0.75
    assert told.accuracy == pytest.approx(2 / 3)
    assert told.precision == pytest.approx((1 + 1 + 0.5) / 3)
    assert told.recall == pytest.approx((1 + 0.5 + 1) / 3)
    assert told.f1 == pytest.approx(5 / 6)


@pytest.mark.parametrize("seed", range(4))
def test_metrics_follow_their_definitions_with_unknown_answers_among_them(seed):
    rng = np.random.default_rng(seed)
    targets = rng.choice([-1.0, 0.0, 1.0], (60, 5), p=[0.2, 0.5, 0.3]).astype(np.float32)
    answers = rng.random((60, 5)) < 0.4
    assert measured(attribute_metrics(answers, targets)) == pytest.approx(naive(answers, targets))


def test_what_nobody_knows_counts_nowhere():
    targets = np.array([[1, -1, 0], [0, -1, 1]], np.float32)
    yes, no = np.ones((2, 3), bool), np.ones((2, 3), bool)
    no[:, 1] = False
    assert measured(attribute_metrics(yes, targets)) == measured(attribute_metrics(no, targets))
    assert attribute_metrics(yes, targets).known.tolist() == [2, 0, 2]


def test_an_attribute_with_one_answer_is_left_out_of_the_mean_accuracy():
    targets = np.array([[1, 1], [1, 0]], np.float32)
    told = attribute_metrics(np.array([[0, 1], [0, 0]], bool), targets)
    assert np.isnan(told.balanced[0])
    assert told.mean_accuracy == 1.0
    assert np.isnan(attribute_metrics(np.ones((2, 1), bool), targets[:, :1]).mean_accuracy)


def test_one_answer_for_all_images_has_a_mean_accuracy_of_one_half():
    targets = np.array([[1, 0], [0, 1], [0, 0]], np.float32)
    assert attribute_metrics(np.ones((3, 2), bool), targets).mean_accuracy == 0.5
    silent = attribute_metrics(np.zeros((3, 2), bool), targets)
    assert (silent.mean_accuracy, silent.accuracy, silent.f1) == (0.5, 0.0, 0.0)
