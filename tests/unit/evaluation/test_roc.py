"""TPR at FPR against the definition: every threshold tried on every pair."""

from __future__ import annotations

import numpy as np
import pytest

from reid_core.evaluation import (
    Distance,
    Labels,
    RocCollector,
    distance_matrix,
    rank_blocks,
    rank_distances,
    roc,
    tpr_at_fpr,
)


def draw(queries, gallery, *, levels, seed=0, people=4):
    rng = np.random.default_rng(seed)
    distances = (rng.integers(0, levels, (queries, gallery)) / np.float32(levels)).astype(np.float32)
    sides = [rng.integers(0, people, count) for count in (queries, gallery)]
    camids = [rng.integers(0, 3, count) for count in (queries, gallery)]
    return distances, Labels(*sides, *camids)


def pairs_of(distances, labels):
    same = labels.query_pids[:, None] == labels.gallery_pids[None]
    out = same & (labels.query_camids[:, None] == labels.gallery_camids[None])
    return distances[same & ~out], distances[~same]


def definition(distances, labels, rate):
    positives, negatives = pairs_of(distances, labels)
    best = 0.0
    for threshold in [-np.inf, *np.unique(distances), np.inf]:
        if np.count_nonzero(negatives <= threshold) / max(negatives.size, 1) <= rate:
            best = max(best, np.count_nonzero(positives <= threshold) / positives.size)
    return best


RATES = [0.0, 1e-3, 0.01, 0.1, 0.3, 0.5, 0.77, 1.0]


@pytest.mark.parametrize("levels", [2, 7, 100_000])
@pytest.mark.parametrize("seed", range(4))
def test_rates_equal_the_definition_with_and_without_ties(levels, seed):
    distances, labels = draw(5, 60, levels=levels, seed=seed)
    want = [definition(distances, labels, rate) for rate in RATES]
    np.testing.assert_array_equal(tpr_at_fpr(distances, labels, fpr=RATES), want)


def test_a_rate_that_is_a_whole_number_of_pairs_is_reached_exactly():
    """29 of 100 negatives are accepted at a rate of .29, although .29 x 100 is below 29 in floating point."""
    gallery = np.arange(101)
    distances = np.arange(101, dtype=np.float64)[None]
    distances[0, 0] = 29.5  # the match stands behind the negatives 1 .. 29
    labels = Labels(np.array([0]), gallery, np.array([0]), np.ones(101, np.int64))
    assert tpr_at_fpr(distances, labels, fpr=[0.28, 0.29]).tolist() == [0, 1]


def test_a_perfect_model_has_every_true_pair_at_no_false_one():
    labels = Labels(np.array([0, 1]), np.array([0, 1]), np.array([0, 0]), np.array([1, 1]))
    near = np.array([[0.1, 0.9], [0.8, 0.2]])
    assert tpr_at_fpr(near, labels, fpr=[0.0, 1.0]).tolist() == [1, 1]
    assert tpr_at_fpr(1 - near, labels, fpr=[0.0, 1.0]).tolist() == [0, 1]  # and the sign is the right one


def test_features_in_blocks_give_the_rates_of_the_whole_matrix():
    rng = np.random.default_rng(2)
    query, gallery = rng.normal(size=(23, 6)).astype(np.float32), rng.normal(size=(90, 6)).astype(np.float32)
    labels = draw(23, 90, levels=2)[1]
    rates = [1e-3, 0.01, 0.05, 0.1]
    for metric in Distance:
        whole = tpr_at_fpr(distance_matrix(query, gallery, metric), labels, fpr=rates)
        assert roc(query, gallery, labels, metric=metric, block_rows=2).tpr_at(rates).tolist() == pytest.approx(whole)


def test_only_the_negatives_that_the_largest_rate_needs_are_kept():
    distances, labels = draw(40, 300, levels=10_000)
    collector = RocCollector(labels, max_fpr=0.01)
    for _ in collector.watch((slice(row, row + 1), distances[row : row + 1]) for row in range(40)):
        assert sum(part.size for part in collector._negatives) <= 2 * collector._keep + 300
    curve = collector.result()
    assert curve.negatives.size == int(0.01 * curve.negative_pairs) + 1
    assert curve.tpr_at([0.01]) == definition(distances, labels, 0.01)
    with pytest.raises(ValueError, match=r"must lie in 0 to 0\.01"):
        curve.tpr_at([0.02])


def test_watched_blocks_reach_the_ranking_untouched():
    distances, labels = draw(6, 40, levels=1_000)
    collector = RocCollector(labels)
    blocks = ((slice(start, start + 2), distances[start : start + 2].copy()) for start in (0, 2, 4))
    ranking = rank_blocks(collector.watch(blocks), labels)
    np.testing.assert_array_equal(ranking.ap, rank_distances(distances, labels).ap)
    np.testing.assert_array_equal(collector.result().tpr_at(RATES), tpr_at_fpr(distances, labels, fpr=RATES))


@pytest.mark.parametrize("max_fpr", [1.0, 0.2])
def test_points_of_the_curve_are_true_thresholds_in_ascending_order(max_fpr):
    distances, labels = draw(12, 80, levels=500)
    collector = RocCollector(labels, max_fpr=max_fpr)
    list(collector.watch([(slice(0, 12), distances)]))
    curve = collector.result()
    fpr, tpr = curve.points(20)
    positives, negatives = pairs_of(distances, labels)
    assert 1 < fpr.size <= 20
    assert (np.diff(fpr) >= 0).all()
    assert (np.diff(tpr) > 0).all()
    assert fpr.max() <= max_fpr + 1e-12
    for x, y in zip(fpr, tpr, strict=True):
        threshold = np.sort(positives)[round(y * positives.size) - 1]
        assert np.count_nonzero(negatives <= threshold) / negatives.size == pytest.approx(x)


def test_without_a_true_pair_the_rate_is_not_a_number_and_without_a_false_one_it_is_one():
    one, two = np.array([0]), np.array([1])
    assert np.isnan(tpr_at_fpr(np.ones((1, 1)), Labels(one, two, one, two), fpr=[0.1, 1.0])).all()
    assert tpr_at_fpr(np.ones((1, 1)), Labels(one, one, one, two), fpr=[0.1]).tolist() == [1]


def test_without_cameras_only_the_query_itself_is_no_pair():
    pids = np.array([0, 0, 1])
    distances = np.array([[0.0, 0.5, 0.2]])
    labels = Labels(np.array([0]), pids, own_index=np.array([0]))
    assert tpr_at_fpr(distances, labels, fpr=[0.0, 1.0]).tolist() == [0, 1]
