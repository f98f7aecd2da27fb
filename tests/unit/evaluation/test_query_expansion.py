"""Alpha query expansion against its definition, one image at a time."""

from __future__ import annotations

import numpy as np
import pytest

from reid_core.evaluation import expand_queries


def draw(queries, gallery, dim=8, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(queries, dim)).astype(dtype), rng.normal(size=(gallery, dim)).astype(dtype)


def definition(query, gallery, *, times, k, alpha):
    features = np.concatenate([query, gallery]).astype(np.float64)
    for _ in range(times):
        units = features / np.linalg.norm(features, axis=1, keepdims=True)
        grown = np.zeros_like(features)
        for one in range(len(features)):
            cosines = [units[one] @ other for other in units]
            nearest = sorted(range(len(features)), key=lambda other: -cosines[other])[:k]
            for other in nearest:
                cosine = cosines[other]
                weight = cosine**alpha if alpha == int(alpha) else max(cosine, 0) ** alpha
                grown[one] += weight * features[other] / len(nearest)
        features = grown
    return features[: len(query)], features[len(query) :]


@pytest.mark.parametrize(
    ("times", "k", "alpha"),
    [(1, 5, 3.0), (2, 4, 3.0), (1, 1, 3.0), (3, 3, 0.0), (1, 12, 2.0), (1, 15, 3.0), (1, 15, 2.5)],
)
def test_expanded_features_equal_the_definition(times, k, alpha):
    query, gallery = draw(4, 11)
    got = expand_queries(query, gallery, times=times, k=k, alpha=alpha)
    for mine, wanted in zip(got, definition(query, gallery, times=times, k=k, alpha=alpha), strict=True):
        np.testing.assert_allclose(mine, wanted, atol=1e-12)


def test_a_fractional_alpha_stays_finite_where_cosines_are_negative():
    query, gallery = np.array([[1.0, 0.0]]), np.array([[-1.0, 0.1], [0.0, -1.0]])
    for rows in expand_queries(query, gallery, k=3, alpha=0.5):
        assert np.isfinite(rows).all()


def test_with_one_neighbour_every_image_stays_what_it_is():
    query, gallery = draw(3, 5)
    got = expand_queries(query, gallery, times=4, k=1, alpha=3.0)
    np.testing.assert_allclose(got[0], query, rtol=1e-12)
    np.testing.assert_allclose(got[1], gallery, rtol=1e-12)


def test_more_neighbours_than_images_are_all_images():
    query, gallery = draw(1, 2)
    for few, many in zip(expand_queries(query, gallery, k=3), expand_queries(query, gallery, k=50), strict=True):
        np.testing.assert_array_equal(few, many)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_precision_is_kept_and_zero_features_stay_finite(dtype):
    query, gallery = draw(2, 4, dtype=dtype)
    gallery[1] = 0
    for given, got in zip((query, gallery), expand_queries(query, gallery, times=2, k=3), strict=True):
        assert got.dtype == dtype
        assert got.shape == given.shape
        assert np.isfinite(got).all()


def test_expansion_pulls_images_of_one_identity_together():
    rng = np.random.default_rng(1)
    center = rng.normal(size=32) * 2
    query, gallery = (center + rng.normal(size=(count, 32)) for count in (1, 8))
    before = np.linalg.norm(query - gallery.mean(0))
    query, gallery = expand_queries(query, gallery, k=5, alpha=1.0)
    assert np.linalg.norm(query - gallery.mean(0)) < before / 2


def test_inputs_of_an_expansion_are_left_unchanged():
    query, gallery = draw(2, 6)
    copies = query.copy(), gallery.copy()
    expand_queries(query, gallery, times=2)
    np.testing.assert_array_equal(query, copies[0])
    np.testing.assert_array_equal(gallery, copies[1])
