"""Clusters of embeddings: distances by their definition, groups that are there, and what happens without any."""

from __future__ import annotations

import numpy as np
import pytest

from reid_core.config.schema.adaptation import Adaptation
from reid_core.errors import ConfigError
from reid_core.evaluation import Distance, distance_matrix, unit_rows
from reid_core.evaluation.reciprocal import encode
from reid_core.tasks.adaptation import clustering
from reid_core.tasks.adaptation.clustering import OUTLIER, camera_centred, cluster, within

UNKNOWN = -7


def groups(count=4, each=6, noise=0.05, seed=0):
    """Unit features (count x each, 16) around `count` orthogonal directions, and which each belongs to."""
    rng = np.random.default_rng(seed)
    owner = np.repeat(np.arange(count), each)
    return unit_rows(np.eye(16)[owner] + noise * rng.normal(size=(count * each, 16))).astype(np.float32), owner


def settings(**changed):
    return Adaptation(**({"eps": 0.5, "min_samples": 3, "k1": 8, "k2": 2} | changed))


def same_partition(left, right):
    return len(set(zip(left.tolist(), right.tolist(), strict=True))) == len(set(left.tolist())) == len(set(right))


def dense_jaccard(features, k1, k2):
    rows = encode(features, k1=k1, k2=k2, metric=Distance.COSINE).rows.toarray()
    least = np.minimum(rows[:, None], rows[None]).sum(axis=2)
    return 1 - least / np.maximum(rows[:, None], rows[None]).sum(axis=2)


@pytest.mark.parametrize("metric", ["jaccard", "cosine"])
def test_the_pairs_within_the_radius_are_those_of_the_whole_matrix(metric):
    features, _ = groups(noise=0.4)
    eps = 0.7
    near = within(features, settings(metric=metric, eps=eps))
    whole = dense_jaccard(features, 8, 2) if metric == "jaccard" else distance_matrix(features, features)
    np.fill_diagonal(whole, 0)
    found = np.full(whole.shape, np.inf)
    rows = np.repeat(np.arange(len(features)), np.diff(near.indptr))
    found[rows, near.indices] = near.data
    inside = whole <= eps
    assert np.array_equal(np.isfinite(found), inside)
    assert np.allclose(found[inside], whole[inside], atol=1e-5)
    assert 0 < inside.sum() < inside.size


@pytest.mark.parametrize("metric", ["jaccard", "cosine"])
def test_groups_are_found_and_a_stray_is_left_out(metric):
    features, owner = groups()
    stray = np.zeros((1, 16), np.float32)
    stray[0, 15] = 1
    found = cluster(np.concatenate([features, stray]), np.zeros(25, np.int64), settings(metric=metric))
    assert not found.fallback
    assert found.count == 4
    assert found.labels[-1] == OUTLIER
    assert same_partition(found.labels[:-1], owner)


def test_the_length_of_an_embedding_does_not_matter():
    features, _ = groups(noise=0.3)
    cameras = np.zeros(len(features), np.int64)
    scaled = features * np.random.default_rng(1).uniform(0.1, 9, (len(features), 1)).astype(np.float32)
    assert np.array_equal(cluster(features, cameras, settings()).labels, cluster(scaled, cameras, settings()).labels)


def test_centering_takes_away_what_a_camera_adds():
    features, owner = groups(each=8)
    cameras = np.tile([0, 1], 16)
    seen = features + 3 * np.eye(16, dtype=np.float32)[14 + cameras]
    plain = cluster(seen, cameras, settings(metric="cosine", eps=0.2))
    centred = cluster(seen, cameras, settings(metric="cosine", eps=0.2, cameras="center"))
    assert not same_partition(plain.labels, owner)
    assert same_partition(centred.labels, owner)


def test_unknown_cameras_are_centred_as_one():
    features, _ = groups()
    numbers = np.arange(len(features))
    one = camera_centred(features, np.zeros(len(features), np.int64))
    assert np.array_equal(camera_centred(features, UNKNOWN - numbers), one)
    assert not np.allclose(one, features)


def test_without_two_clusters_every_image_goes_with_its_nearest():
    features, owner = groups(count=3, each=2)
    found = cluster(features, np.zeros(6, np.int64), settings(min_samples=5))
    assert found.fallback
    assert same_partition(found.labels, owner)


def test_one_heap_of_images_becomes_several_clusters():
    features, _ = groups(count=1, each=12, noise=0.3)
    found = cluster(features, np.zeros(12, np.int64), settings(metric="cosine", eps=1.9))
    assert found.fallback
    assert found.count >= 2
    assert OUTLIER not in found.labels


def test_two_images_are_two_clusters():
    found = cluster(np.ones((2, 4), np.float32), np.zeros(2, np.int64), settings())
    assert found.labels.tolist() == [0, 1]
    assert found.fallback


def test_the_radius_follows_the_metric_unless_it_is_given():
    assert Adaptation().radius == 0.6
    assert Adaptation(metric="cosine").radius == 0.2
    assert Adaptation(metric="cosine", eps=0.3).radius == 0.3


@pytest.mark.parametrize("metric", ["jaccard", "cosine"])
def test_more_neighbours_than_memory_holds_are_refused_with_what_to_lower(monkeypatch, metric):
    features, _ = groups(noise=0.4)
    within_reach = within(features, settings(metric=metric, eps=0.9)).nnz
    monkeypatch.setattr(clustering, "_MOST_PAIRS", within_reach // 2)
    with pytest.raises(ConfigError, match="million neighbours") as caught:
        within(features, settings(metric=metric, eps=0.9))
    assert caught.value.findings[0].key == "TASK.ADAPTATION.EPS"
