from __future__ import annotations

import numpy as np
import pytest

from reid_core.errors import DataError
from reid_core.evaluation import Labels, cmc, rank, rank_distances, retrieval_metrics


def ints(*values):
    return np.array(values, dtype=np.int64)


def test_a_hand_worked_example():
    # identity 7 in camera 1 asks; the list after the junk image is taken out: wrong, right, wrong, right
    distances = np.array([[0.0, 0.1, 0.2, 0.3, 0.4]])
    ranking = rank_distances(distances, Labels(ints(7), ints(7, 8, 7, 9, 7), ints(1), ints(1, 1, 2, 2, 3)))
    assert ranking.ap[0] == pytest.approx((1 / 2 + 2 / 4) / 2)
    assert ranking.inp[0] == pytest.approx(2 / 4)
    assert ranking.first_hit[0] == 2
    assert cmc(ranking, 3).tolist() == [0, 1, 1]


def test_equal_distances_stand_in_gallery_order():
    distances = np.zeros((2, 3))
    ranking = rank_distances(distances, Labels(ints(0, 2), ints(0, 1, 2), ints(0, 0), ints(1, 1, 1)))
    assert ranking.first_hit.tolist() == [1, 3]


def test_many_matches_are_ranked_like_few():
    rng = np.random.default_rng(3)
    distances = rng.integers(0, 5, (1, 300)).astype(np.float32)
    pids = (rng.random(300) < 0.5).astype(np.int64)  # more matches than the counting pass takes
    ranking = rank_distances(distances, Labels(ints(1), pids, ints(0), np.ones(300, np.int64)))
    order = np.argsort(distances[0], kind="stable")
    hits = np.flatnonzero(pids[order] == 1) + 1
    assert ranking.ap[0] == pytest.approx(np.mean(np.arange(1, hits.size + 1) / hits), abs=1e-15)


def test_a_gallery_smaller_than_the_maximum_rank_gives_a_shorter_curve():
    ranking = rank_distances(np.array([[0.2, 0.1]]), Labels(ints(0), ints(0, 1), ints(0), ints(1, 1)))
    assert cmc(ranking, 50).tolist() == [0, 1]
    assert retrieval_metrics(ranking)["rank10"] == 1


def test_given_distances_are_left_unchanged():
    distances = np.array([[0.1, 0.2, 0.3]])
    rank_distances(distances, Labels(ints(0), ints(0, 0, 1), ints(0), ints(0, 1, 1)))
    assert distances.tolist() == [[0.1, 0.2, 0.3]]


@pytest.mark.parametrize("gallery", [ints(), ints(4, 5)])
def test_no_query_with_a_match_is_a_data_error_that_counts(gallery):
    with pytest.raises(DataError, match=rf"no-match.*1 queries, {gallery.size} gallery images"):
        rank(np.ones((1, 2)), np.ones((gallery.size, 2)), Labels(ints(0), gallery, ints(0), gallery))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_feature_that_is_not_finite_is_refused(bad):
    with pytest.raises(DataError, match="NaN or infinite"):
        rank(np.array([[bad, 1.0]]), np.ones((2, 2)), Labels(ints(0), ints(0, 1), ints(0), ints(1, 1)))


def test_labels_of_another_length_are_refused():
    with pytest.raises(ValueError, match="1 queries and 2 gallery images, but labels of 1 and 1"):
        rank(np.ones((1, 2)), np.ones((2, 2)), Labels(ints(0), ints(0)))
    with pytest.raises(ValueError, match="query_camids has shape"):
        Labels(ints(0), ints(0), ints(0, 0), ints(0))
    with pytest.raises(ValueError, match="one side only"):
        Labels(ints(0), ints(0, 1), ints(0), None)
