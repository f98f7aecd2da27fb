"""Neither block sizes nor thread counts change a distance, and so no rank: not by a bit."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reid_core.evaluation import Distance, Labels, distance_blocks, expand_queries, neighbours, rank, rerank

METRICS = st.sampled_from(list(Distance))
DTYPES = st.sampled_from([np.float32, np.float64])


@pytest.fixture(autouse=True)
def threads_as_before() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def features(count: int, dim: int, dtype: type[np.floating], seed: int) -> np.ndarray:
    """Any numbers, and each third row a multiple of another: cosines that would be equal but for rounding."""
    rows = np.random.default_rng(seed).standard_normal((count, dim))
    rows[::3] = rows[0] * np.linspace(1, 2, len(rows[::3]))[:, None]
    return rows.astype(dtype)


def whole(query, gallery, metric, *, rows=None, threads=1):
    torch.set_num_threads(threads)
    return np.concatenate([block for _, block in distance_blocks(query, gallery, metric, rows=rows)])


@pytest.mark.slow
@settings(max_examples=120, deadline=None)
@given(st.integers(1, 70), st.integers(1, 150), st.integers(1, 90), METRICS, DTYPES, st.data())
def test_a_distance_is_the_same_in_any_block_on_any_number_of_threads(queries, gallery, dim, metric, dtype, data):
    query, rows = features(queries, dim, dtype, 1), features(gallery, dim, dtype, 2)
    size, threads = data.draw(st.integers(1, queries)), data.draw(st.integers(1, 4))
    np.testing.assert_array_equal(whole(query, rows, metric, rows=size, threads=threads), whole(query, rows, metric))


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.integers(2, 70), st.integers(4, 150), METRICS, DTYPES, st.data())
def test_ranks_are_the_same_in_any_block_on_any_number_of_threads(queries, gallery, metric, dtype, data):
    query, rows = features(queries, 64, dtype, 3), features(gallery, 64, dtype, 4)
    labels = Labels(np.arange(queries) % 2, np.arange(gallery) % 2)
    want = rank(query, rows, labels, metric=metric)
    torch.set_num_threads(data.draw(st.integers(1, 4)))
    got = rank(query, rows, labels, metric=metric, block_rows=data.draw(st.integers(1, queries)))
    for name in ("ap", "inp", "first_hit", "map_at_r"):
        np.testing.assert_array_equal(getattr(got, name), getattr(want, name))


@pytest.mark.slow
@pytest.mark.parametrize("metric", Distance)
def test_threads_change_no_neighbour_re_ranked_distance_or_expanded_feature(metric):
    query, gallery = features(40, 32, np.float32, 5), features(400, 32, np.float32, 6)

    def computed(threads):
        torch.set_num_threads(threads)
        near = neighbours(gallery, 9, metric=metric, tile=64)
        return near.indices, near.distances, rerank(query, gallery, metric=metric), *expand_queries(query, gallery)

    for one, several in zip(computed(1), computed(3), strict=True):
        np.testing.assert_array_equal(one, several)


@pytest.mark.slow
def test_equal_distances_leave_the_lower_index_among_the_neighbours_whatever_the_tile():
    twins = np.repeat(np.random.default_rng(7).integers(-2, 3, (5, 8)).astype(np.float32), 20, axis=0)
    for tile in (7, 16, 64, 200):
        found = neighbours(twins, 4, metric=Distance.SQUARED_EUCLIDEAN, tile=tile).indices
        for one, row in enumerate(found.tolist()):
            alike = [other for other in range(100) if (twins[other] == twins[one]).all() and other != one]
            assert row == [one, *sorted(alike)[:3]]


def test_the_number_of_threads_is_as_it_was_after_work_side_by_side():
    torch.set_num_threads(3)
    rows = features(60, 8, np.float32, 8)
    rerank(rows[:20], rows[20:])
    assert torch.get_num_threads() == 3


@pytest.mark.parametrize("metric", Distance)
def test_a_named_device_changes_nothing_here(metric):
    query, gallery = features(30, 16, np.float32, 9), features(90, 16, np.float32, 10)
    here = torch.device("cpu")
    np.testing.assert_array_equal(
        rerank(query, gallery, metric=metric, device=here), rerank(query, gallery, metric=metric)
    )
    labels = Labels(np.arange(30) % 3, np.arange(90) % 3)
    np.testing.assert_array_equal(
        rank(query, gallery, labels, metric=metric, device=here).ap, rank(query, gallery, labels, metric=metric).ap
    )
