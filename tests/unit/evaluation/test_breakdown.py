from __future__ import annotations

import numpy as np
import pytest

from reid_core.evaluation import Labels, by_group, mean_average_precision, rank_distances


def test_groups_have_the_metrics_of_their_queries_alone():
    rng = np.random.default_rng(0)
    query_pids, gallery_pids = rng.integers(0, 5, 30), rng.integers(0, 5, 80)
    query_camids, gallery_camids = rng.integers(0, 4, 30), rng.integers(0, 4, 80)
    distances = rng.random((30, 80))
    whole = rank_distances(distances, Labels(query_pids, gallery_pids, query_camids, gallery_camids))
    for groups in (query_camids, query_pids):
        parts = by_group(whole, groups)
        assert [part.group for part in parts] == sorted(set(groups.tolist()))
        for part in parts:
            chosen = groups == part.group
            alone = rank_distances(
                distances[chosen], Labels(query_pids[chosen], gallery_pids, query_camids[chosen], gallery_camids)
            )
            assert part.queries == alone.valid.sum()
            assert part.mean_ap == pytest.approx(mean_average_precision(alone))
            assert part.rank1 == pytest.approx((alone.first_hit[alone.valid] == 1).mean())


def test_queries_without_a_match_count_in_no_group():
    labels = Labels(np.array([0, 7, 0]), np.array([0, 1]), np.array([0, 1, 1]), np.array([2, 2]))
    parts = by_group(rank_distances(np.zeros((3, 2)), labels), np.array([0, 1, 1]))
    assert [(part.group, part.queries) for part in parts] == [(0, 1), (1, 1)]
