from __future__ import annotations

import numpy as np
import pytest
import torch

from reid_core.evaluation import Distance, distance_blocks, distance_matrix, unit_rows


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_distances_equal_their_definitions(dtype):
    rng = np.random.default_rng(0)
    query, gallery = rng.normal(size=(5, 7)).astype(dtype), rng.normal(size=(9, 7)).astype(dtype)
    squared = ((query[:, None] - gallery[None]) ** 2).sum(-1)
    cosine = 1 - unit_rows(query) @ unit_rows(gallery).T
    for metric, want in (
        (Distance.COSINE, cosine),
        (Distance.EUCLIDEAN, np.sqrt(squared)),
        (Distance.SQUARED_EUCLIDEAN, squared),
    ):
        got = distance_matrix(query, gallery, metric)
        assert got.dtype == dtype
        np.testing.assert_allclose(got, want, rtol=0, atol=10 * np.finfo(dtype).eps * want.max())


def test_squared_distance_of_equal_features_is_never_negative():
    features = np.random.default_rng(1).normal(size=(20, 512)).astype(np.float32) * 100
    assert distance_matrix(features, features, Distance.SQUARED_EUCLIDEAN).min() >= 0


def test_a_zero_feature_has_cosine_distance_one_and_stays_zero():
    zero = np.zeros((1, 3), np.float32)
    assert distance_matrix(zero, np.ones((2, 3), np.float32)).tolist() == [[1, 1]]
    assert distance_matrix(np.ones((2, 3), np.float32), zero).tolist() == [[1], [1]]
    assert unit_rows(zero).tolist() == [[0, 0, 0]]


def test_blocks_cover_every_query_once_in_order():
    features = np.eye(5, dtype=np.float32)
    parts = [(part.start, part.stop, block.shape) for part, block in distance_blocks(features, features, rows=2)]
    assert parts == [(0, 2, (2, 5)), (2, 4, (2, 5)), (4, 5, (1, 5))]


def test_inputs_are_left_unchanged():
    rng = np.random.default_rng(2)
    query, gallery = rng.normal(size=(3, 4)), rng.normal(size=(6, 4))
    copies = query.copy(), gallery.copy()
    for metric in Distance:
        distance_matrix(query, gallery, metric)
    np.testing.assert_array_equal(query, copies[0])
    np.testing.assert_array_equal(gallery, copies[1])


def test_the_number_of_threads_is_left_to_the_caller():
    before = torch.get_num_threads()
    distance_matrix(np.ones((2, 2)), np.ones((2, 2)))
    assert torch.get_num_threads() == before
