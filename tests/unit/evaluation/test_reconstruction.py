"""Deep spatial reconstruction against explicit least squares, pair by pair."""

from __future__ import annotations

import numpy as np
import pytest

from reid_core.evaluation import Distance, distance_matrix, dsr_blocks, dsr_distance


def draw(*shape, seed=0, dtype=np.float64):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def definition(query, gallery, beta):
    """min |x - Y w|^2 + beta |w|^2 as ordinary least squares on Y with sqrt(beta) times the identity below it."""
    distances = np.empty((len(query), len(gallery)))
    for q, parts in enumerate(unit(query.astype(np.float64))):
        for g, others in enumerate(unit(gallery.astype(np.float64))):
            stacked = np.concatenate([others.T, np.sqrt(beta) * np.eye(len(others))])
            errors = []
            for part in parts:
                target = np.concatenate([part, np.zeros(len(others))])
                weights = np.linalg.lstsq(stacked, target)[0]
                errors.append(np.linalg.norm(part - others.T @ weights))
            distances[q, g] = np.mean(errors)
    return distances


@pytest.mark.parametrize(("beta", "parts", "others"), [(1e-3, 5, 7), (0.5, 5, 7), (1e-3, 1, 1), (1e-3, 4, 30)])
def test_dsr_distances_equal_explicit_least_squares(beta, parts, others):
    query, gallery = draw(3, parts, 20), draw(4, others, 20, seed=1)
    np.testing.assert_allclose(dsr_distance(query, gallery, beta=beta), definition(query, gallery, beta), atol=1e-7)


def test_dsr_survives_repeated_and_zero_features_in_single_precision():
    gallery = draw(2, 6, 12, dtype=np.float32)
    gallery[0, 3:] = gallery[0, :3]  # pooled maps repeat their maxima
    gallery[1, 2] = 0
    query = draw(2, 5, 12, seed=2, dtype=np.float32)
    wanted = definition(query, np.where(gallery == 0, 1e-300, gallery.astype(np.float64))[:1], 1e-3)
    got = dsr_distance(query, gallery)
    assert got.dtype == np.float32
    assert np.isfinite(got).all()
    np.testing.assert_allclose(got[:, :1], wanted, atol=1e-5)


def test_a_part_of_an_image_is_at_next_to_no_distance_from_the_whole_but_not_the_other_way_round():
    whole = draw(1, 8, 40)
    part = whole[:, 2:5]
    stranger = draw(1, 8, 40, seed=9)
    assert dsr_distance(part, whole)[0, 0] < 0.01
    assert dsr_distance(whole, part)[0, 0] > 0.3
    assert dsr_distance(part, stranger)[0, 0] > 0.5


def blocks_of(gallery_parts, size):
    for start in range(0, len(gallery_parts), size):
        yield slice(start, min(start + size, len(gallery_parts))), gallery_parts[start : start + size]


def test_the_nearest_are_compared_by_parts_and_the_others_follow_in_order_of_cosine():
    query, gallery = draw(5, 9), draw(14, 9, seed=3)
    query_parts, gallery_parts = draw(5, 4, 16, seed=4), draw(14, 6, 16, seed=5)
    blocks = dsr_blocks(query, gallery, query_parts, blocks_of(gallery_parts, 4), top=6)
    got = np.concatenate([block for _, block in blocks])
    cosine = distance_matrix(query, gallery, Distance.COSINE)
    by_parts = dsr_distance(query_parts, gallery_parts)
    for row, plain, refined in zip(got, cosine, by_parts, strict=True):
        near = np.argsort(plain)[:6]
        far = np.setdiff1d(np.arange(14), near)
        np.testing.assert_allclose(row[near], refined[near], atol=1e-12)
        np.testing.assert_allclose(row[far], 1 + plain[far])
        assert row[near].max() <= row[far].min()


def test_with_as_many_as_the_gallery_or_more_all_are_compared_by_parts():
    query, gallery = draw(2, 9, dtype=np.float32), draw(3, 9, seed=3, dtype=np.float32)
    query_parts, gallery_parts = draw(2, 4, 16, seed=4, dtype=np.float32), draw(3, 6, 16, seed=5, dtype=np.float32)
    ((_, got),) = dsr_blocks(query, gallery, query_parts, blocks_of(gallery_parts, 2), top=30)
    np.testing.assert_allclose(got, dsr_distance(query_parts, gallery_parts), atol=1e-6)
