"""The ranking without sorting equals its definition as an obvious loop, on thousands of random cases."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reid_core.errors import DataError
from reid_core.evaluation import (
    Distance,
    Labels,
    cmc,
    distance_matrix,
    rank,
    rank_distances,
    retrieval_metrics,
)


@dataclass(frozen=True)
class Case:
    distances: npt.NDArray[np.float32]
    query_pids: npt.NDArray[np.int64]
    gallery_pids: npt.NDArray[np.int64]
    query_camids: npt.NDArray[np.int64]
    gallery_camids: npt.NDArray[np.int64]
    own_index: npt.NDArray[np.int64]

    def labels(self, *, cameras: bool = True) -> Labels:
        camids = (self.query_camids, self.gallery_camids) if cameras else (None, None)
        return Labels(self.query_pids, self.gallery_pids, *camids, own_index=self.own_index)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Few distinct distances (ties), few identities (junk, many matches), down to one-image galleries."""
    queries, gallery = draw(st.integers(1, 6)), draw(st.integers(1, 90))
    identities, cameras, levels = (
        draw(st.integers(1, 4)),
        draw(st.integers(1, 3)),
        draw(st.sampled_from([1, 3, 1000])),
    )
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return Case(
        (rng.integers(0, levels, (queries, gallery)) / np.float32(7)).astype(np.float32),
        rng.integers(0, identities, queries),
        rng.integers(0, identities, gallery),
        rng.integers(0, cameras, queries),
        rng.integers(0, cameras, gallery),
        rng.integers(-1, gallery, queries),
    )


def loop_hits(case: Case, query: int, *, cameras: bool) -> list[int]:
    """Ranks of the matches: sort the list, take out what does not count, look at each place."""
    order = sorted(range(case.gallery_pids.size), key=lambda g: (case.distances[query, g], g))
    hits, place = [], 0
    for g in order:
        same = case.gallery_pids[g] == case.query_pids[query]
        junk = case.gallery_camids[g] == case.query_camids[query] if cameras else g == case.own_index[query]
        if same and junk:
            continue
        place += 1
        if same:
            hits.append(place)
    return hits


def check(case: Case, *, cameras: bool) -> None:
    hits = [loop_hits(case, query, cameras=cameras) for query in range(case.query_pids.size)]
    labels = case.labels(cameras=cameras)
    if not any(hits):
        with pytest.raises(DataError, match="no query has an image of the same identity"):
            rank_distances(case.distances, labels)
        return
    ranking = rank_distances(case.distances, labels)
    assert ranking.valid.tolist() == [bool(one) for one in hits]
    assert ranking.skipped == sum(not one for one in hits)
    for query, ranks in enumerate(hits):
        if ranks:
            precisions = [(i + 1) / place for i, place in enumerate(ranks)]
            assert ranking.ap[query] == np.mean(precisions)
            assert ranking.inp[query] == len(ranks) / ranks[-1]
            assert ranking.first_hit[query] == ranks[0]
        else:
            assert np.isnan(ranking.ap[query])
            assert np.isnan(ranking.inp[query])
            assert ranking.first_hit[query] == 0
    valid = [ranks for ranks in hits if ranks]
    length = min(50, case.gallery_pids.size)
    want = [sum(ranks[0] <= k for ranks in valid) / len(valid) for k in range(1, length + 1)]
    np.testing.assert_array_equal(cmc(ranking), want)


@pytest.mark.slow
@settings(max_examples=1000, deadline=None)
@given(cases())
def test_ranking_with_cameras_equals_the_loop(case: Case) -> None:
    check(case, cameras=True)


@pytest.mark.slow
@settings(max_examples=1000, deadline=None)
@given(cases())
def test_ranking_without_cameras_drops_only_the_query_itself(case: Case) -> None:
    check(case, cameras=False)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(cases(), st.integers(1, 7), st.sampled_from(list(Distance)), st.sampled_from([np.float32, np.float64]))
def test_ranking_features_in_blocks_equals_ranking_the_whole_matrix(
    case: Case, rows: int, metric: Distance, dtype: type[np.floating]
) -> None:
    rng = np.random.default_rng(case.gallery_pids.size)
    # small whole numbers: products are exact, so that ties survive whatever the block size
    query = rng.integers(-2, 3, (case.query_pids.size, 4)).astype(dtype)
    gallery = rng.integers(-2, 3, (case.gallery_pids.size, 4)).astype(dtype)
    if metric is Distance.COSINE:
        query = query.clip(-1, 1)
        gallery = np.where(gallery < 0, -1, 1).astype(dtype)
    try:
        want = rank_distances(distance_matrix(query, gallery, metric), case.labels())
    except DataError:
        return
    got = rank(query, gallery, case.labels(), metric=metric, block_rows=rows)
    np.testing.assert_array_equal(got.ap, want.ap)
    np.testing.assert_array_equal(got.first_hit, want.first_hit)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(cases())
def test_metrics_are_ordered_fractions(case: Case) -> None:
    try:
        metrics = retrieval_metrics(rank_distances(case.distances, case.labels()))
    except DataError:
        return
    assert list(metrics) == ["mAP", "mINP", "rank1", "rank5", "rank10"]
    assert all(0 <= value <= 1 for value in metrics.values())
    assert metrics["rank1"] <= metrics["rank5"] <= metrics["rank10"]
