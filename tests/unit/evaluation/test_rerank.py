"""k-reciprocal re-ranking against the paper's definitions, as loops over sets."""

from __future__ import annotations

import numpy as np
import pytest

from reid_core.evaluation import (
    Distance,
    Labels,
    distance_matrix,
    mean_average_precision,
    neighbours,
    rank_blocks,
    rank_distances,
    rerank,
    rerank_blocks,
)


def clusters(queries, gallery, dim=16, people=6, seed=0, dtype=np.float32):
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(people, dim))
    rows = centers[rng.integers(people, size=queries + gallery)] + 0.6 * rng.normal(size=(queries + gallery, dim))
    return rows[:queries].astype(dtype), rows[queries:].astype(dtype)


def squares_of(features, metric):
    """Squared distances (N, N) by the definition, in float64, every feature at distance 0 from itself."""
    rows = features.astype(np.float64)
    if metric is Distance.COSINE:
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        rows = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
        squares = (1 - rows @ rows.T) ** 2
    else:
        squares = ((rows[:, None] - rows[None]) ** 2).sum(-1)
    np.fill_diagonal(squares, 0)
    return squares


def paper(query, gallery, *, k1, k2, lambda_, metric):
    squares = squares_of(np.concatenate([query, gallery]), metric)
    total, queries = len(squares), len(query)
    shares = squares / np.maximum(squares.max(axis=1, keepdims=True), 1e-300)
    order = [sorted(range(total), key=lambda other: (other != one, squares[one, other], other)) for one in range(total)]

    def mutual(one, k):
        return {other for other in order[one][: k + 1] if one in order[other][: k + 1]}

    weights = np.zeros((total, total))
    for one in range(total):
        members = set(mutual(one, k1))
        for other in mutual(one, k1):
            brought = mutual(other, round(k1 / 2))
            if len(brought & mutual(one, k1)) > 2 / 3 * len(brought):
                members |= brought
        for member in members:
            weights[one, member] = np.exp(-shares[one, member])
        weights[one] /= weights[one].sum()
    expanded = np.stack([weights[order[one][:k2]].mean(axis=0) for one in range(total)])
    overlap = np.minimum(expanded[:queries, None], expanded[None, queries:]).sum(-1)
    union = np.maximum(expanded[:queries, None], expanded[None, queries:]).sum(-1)
    return (1 - lambda_) * (1 - overlap / union) + lambda_ * shares[:queries, queries:]


@pytest.mark.parametrize("metric", Distance)
@pytest.mark.parametrize(("k1", "k2", "lambda_"), [(8, 3, 0.3), (5, 1, 0.5), (7, 12, 0.0), (1, 1, 1.0)])
def test_distances_equal_the_definition(metric, k1, k2, lambda_):
    query, gallery = clusters(7, 40, dtype=np.float64)
    settings = {"k1": k1, "k2": k2, "lambda_": lambda_, "metric": metric}
    np.testing.assert_allclose(rerank(query, gallery, **settings), paper(query, gallery, **settings), atol=1e-12)


def test_single_precision_gives_the_same_within_its_digits():
    query, gallery = clusters(9, 60)
    settings = {"k1": 10, "k2": 4, "lambda_": 0.3, "metric": Distance.COSINE}
    got = rerank(query, gallery, **settings)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, paper(query, gallery, **settings), atol=1e-5)


def test_squared_euclidean_distances_are_not_squared_twice():
    query, gallery = clusters(4, 30)
    root = rerank(query, gallery, metric=Distance.EUCLIDEAN)
    np.testing.assert_array_equal(rerank(query, gallery, metric=Distance.SQUARED_EUCLIDEAN), root)


@pytest.mark.parametrize(("k1", "k2"), [(20, 6), (100, 50), (3, 100)])
def test_neighbours_beyond_all_images_count_as_all(k1, k2):
    query, gallery = clusters(2, 5, dtype=np.float64)
    settings = {"k1": k1, "k2": k2, "lambda_": 0.3, "metric": Distance.COSINE}
    np.testing.assert_allclose(rerank(query, gallery, **settings), paper(query, gallery, **settings), atol=1e-12)


def test_blocks_make_no_difference_and_rank_as_the_whole():
    query, gallery = clusters(11, 50)
    whole = rerank(query, gallery)
    parts = list(rerank_blocks(query, gallery, rows=4))
    assert [(part.start, part.stop) for part, _ in parts] == [(0, 4), (4, 8), (8, 11)]
    np.testing.assert_allclose(np.concatenate([block for _, block in parts]), whole, atol=1e-6)
    rng = np.random.default_rng(5)
    labels = Labels(rng.integers(3, size=11), rng.integers(3, size=50))
    in_blocks = rank_blocks(rerank_blocks(query, gallery, rows=4), labels)
    np.testing.assert_allclose(in_blocks.ap, rank_distances(whole, labels).ap)


@pytest.mark.parametrize("metric", [Distance.COSINE, Distance.EUCLIDEAN])
def test_re_ranking_finds_more_of_an_identity_whose_images_are_alike_in_steps(metric):
    """Each identity is an arc: its ends are far apart, but each has its neighbours in common with the next."""
    rng = np.random.default_rng(7)
    angles = np.concatenate([start + np.linspace(0, 0.8, 20) for start in (0.0, 1.1, 2.2)])
    arcs = np.stack([np.cos(angles), np.sin(angles)], axis=1) + 0.01 * rng.normal(size=(60, 2))
    pids = np.repeat([0, 1, 2], 20)
    asks = np.array([0, 19, 20, 39, 40, 59])
    labels = Labels(pids[asks], pids, own_index=asks)
    before = rank_distances(distance_matrix(arcs[asks], arcs, metric), labels)
    after = rank_distances(rerank(arcs[asks], arcs, k1=8, k2=3, metric=metric), labels)
    assert mean_average_precision(after) > mean_average_precision(before) + 0.01


@pytest.mark.parametrize("metric", Distance)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_zero_and_equal_features_give_finite_distances(metric, dtype):
    for features in (np.zeros((6, 4), dtype), np.ones((6, 4), dtype), np.eye(6, 4, dtype=dtype)):
        got = rerank(features[:2], features[2:], k1=3, k2=2, metric=metric)
        assert got.dtype == dtype
        assert np.isfinite(got).all()


def test_one_query_and_one_gallery_image():
    query, gallery = clusters(1, 1)
    assert rerank(query, gallery).shape == (1, 1)
    assert rerank(query, gallery[:0]).shape == (1, 0)
    assert rerank(query[:0], gallery).shape == (0, 1)


def test_inputs_of_a_re_ranking_are_left_unchanged():
    query, gallery = clusters(3, 20)
    copies = query.copy(), gallery.copy()
    rerank(query, gallery)
    np.testing.assert_array_equal(query, copies[0])
    np.testing.assert_array_equal(gallery, copies[1])


@pytest.mark.parametrize("metric", Distance)
def test_neighbours_over_tiles_are_those_of_the_whole_matrix(metric):
    features = np.concatenate(clusters(10, 33, dtype=np.float64))
    found = neighbours(features, 9, metric=metric, tile=8)
    distances = distance_matrix(features, features, metric)
    np.fill_diagonal(distances, 0)
    np.testing.assert_array_equal(found.indices, np.argsort(distances, axis=1, kind="stable")[:, :9])
    np.testing.assert_allclose(found.distances, np.sort(distances, axis=1)[:, :9], atol=1e-12)
    np.testing.assert_allclose(found.farthest, distances.max(axis=1), atol=1e-12)


def test_everybody_is_their_own_first_neighbour_even_among_twins():
    features = np.repeat(np.random.default_rng(3).normal(size=(4, 300)).astype(np.float32), 3, axis=0)
    found = neighbours(features, 3, tile=5)
    assert found.indices[:, 0].tolist() == list(range(12))
    assert all(set(row) == {one // 3 * 3 + i for i in range(3)} for one, row in enumerate(found.indices.tolist()))
    assert (found.distances[:, 0] == 0).all()
