"""MAP@R and R-precision of a ranking: a hand example, and loops over Musgrave et al. 2020's definitions."""

from __future__ import annotations

import numpy as np
import pytest

from reid_core.evaluation import Labels, rank_distances


def test_musgraves_two_lists():
    """R = 10 as in the paper's toy lists: one match first of ten is .1, and all ten in place are 1."""
    distances = np.arange(20, dtype=np.float64)[None]
    first_only, in_place = np.ones(20, dtype=np.int64), np.ones(20, dtype=np.int64)
    first_only[[0, *range(10, 19)]] = 0
    in_place[:10] = 0
    query = np.zeros(1, dtype=np.int64)
    for labels, want in ((first_only, 0.1), (in_place, 1.0)):
        found = rank_distances(distances, Labels(query, labels))
        assert found.map_at_r == pytest.approx([want])
        assert found.r_precision == pytest.approx([want])


def test_a_match_late_among_the_first_counts_less():
    found = rank_distances(np.array([[0.1, 0.2, 0.3, 0.4]]), Labels(np.array([0]), np.array([1, 0, 0, 0])))
    assert found.r_precision == pytest.approx([2 / 3])
    assert found.map_at_r == pytest.approx([(0 + 1 / 2 + 2 / 3) / 3])


@pytest.mark.parametrize("seed", range(6))
def test_both_are_their_definitions(seed):
    rng = np.random.default_rng(seed)
    pids = rng.integers(0, 6, 40)
    distances = rng.random((40, 40)).round(2)  # with ties, which stand in gallery order
    found = rank_distances(distances, Labels(pids, pids, own_index=np.arange(40)))
    for query in range(40):
        others = [place for place in np.argsort(distances[query], kind="stable") if place != query]
        right = [pids[place] == pids[query] for place in others]
        total = sum(right)
        if not total:
            assert np.isnan(found.map_at_r[query])
            continue
        precisions = [np.mean(right[: place + 1]) * right[place] for place in range(total)]
        assert found.map_at_r[query] == pytest.approx(np.mean(precisions))
        assert found.r_precision[query] == pytest.approx(np.mean(right[:total]))
