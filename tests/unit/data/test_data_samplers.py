"""Samplers on cases small enough to see; tests/property/test_sampler_properties.py holds the rules in general."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from reid_core.data.samplers import BalancedIdentitySampler, NaiveIdentitySampler, TrainingSampler, equals_before

IDENTITY_SAMPLERS = (NaiveIdentitySampler, BalancedIdentitySampler)


def _market(identities: int, images: int, cameras: int = 2):
    labels = np.repeat(np.arange(identities), images)
    return labels, np.tile(np.arange(images) % cameras, identities)


def test_training_batches_differ_in_size_by_one_at_most():
    batches = TrainingSampler(65, 64).epoch_batches(0, 0)
    assert [len(batch) for batch in batches] == [33, 32]


@pytest.mark.parametrize("sampler", IDENTITY_SAMPLERS)
def test_groups_of_k_images_of_p_identities_stand_together(sampler):
    labels, camids = _market(10, 8)
    for batch in sampler(labels, camids, 5, 4).epoch_batches(1, 1):
        groups = labels[batch].reshape(5, 4)
        assert (groups == groups[:, :1]).all()
        assert len(np.unique(groups[:, 0])) == 5


@pytest.mark.parametrize("sampler", IDENTITY_SAMPLERS)
def test_a_group_sees_both_cameras_equally(sampler):
    labels, camids = _market(6, 8)
    for batch in sampler(labels, camids, 3, 4).epoch_batches(0, 3):
        assert (camids[batch].reshape(3, 4).sum(axis=1) == 2).all()


def test_a_rare_camera_is_spread_over_the_groups():
    labels, camids = np.zeros(12, dtype=np.int64), np.array([0] * 9 + [1] * 3)
    for epoch in range(20):
        (batch,) = NaiveIdentitySampler(labels, camids, 3, 4).epoch_batches(0, epoch)
        assert (camids[batch].reshape(3, 4).sum(axis=1) == 1).all()


@pytest.mark.parametrize("sampler", IDENTITY_SAMPLERS)
def test_fewer_identities_than_a_batch_asks_for_repeat_evenly(sampler):
    labels, camids = _market(3, 16)
    for batch in sampler(labels, camids, 8, 2).epoch_batches(0, 0):
        groups = Counter((Counter(labels[batch].tolist())).values())
        assert set(groups) <= {4, 6}
        assert len(set(batch.tolist())) == 16


@pytest.mark.parametrize("sampler", IDENTITY_SAMPLERS)
def test_an_identity_with_fewer_images_than_k_repeats_them_evenly(sampler):
    labels, camids = _market(20, 2)
    for batch in sampler(labels, camids, 4, 4).epoch_batches(0, 0):
        assert set(Counter(batch.tolist()).values()) == {2}


def test_naive_epochs_follow_the_number_of_images_and_balanced_ones_do_not():
    labels = np.repeat([0, 1, 2, 3], [40, 8, 8, 8])
    camids = np.zeros_like(labels)
    naive = np.concatenate(NaiveIdentitySampler(labels, camids, 2, 4).epoch_batches(0, 0))
    balanced = np.concatenate(BalancedIdentitySampler(labels, camids, 2, 4).epoch_batches(0, 0))
    assert np.bincount(labels[naive]).tolist() == [40, 8, 8, 8]
    assert np.bincount(labels[balanced]).tolist() == [16, 16, 16, 16]


def test_epochs_and_seeds_differ_and_repeat_exactly():
    labels, camids = _market(10, 8)
    sampler = BalancedIdentitySampler(labels, camids, 5, 4)
    first = np.concatenate(sampler.epoch_batches(7, 2))
    assert np.array_equal(first, np.concatenate(sampler.epoch_batches(7, 2)))
    assert not np.array_equal(first, np.concatenate(sampler.epoch_batches(7, 3)))
    assert not np.array_equal(first, np.concatenate(sampler.epoch_batches(8, 2)))


def test_equals_before_counts_earlier_equal_values():
    assert equals_before(np.array([5, 3, 5, 5, 3])).tolist() == [0, 0, 1, 2, 1]


@pytest.mark.parametrize(("identities", "instances"), [(0, 4), (4, 0)])
def test_empty_batches_are_refused(identities, instances):
    labels, camids = _market(4, 4)
    with pytest.raises(ValueError, match="P >= 1 and K >= 1"):
        BalancedIdentitySampler(labels, camids, identities, instances)
    with pytest.raises(ValueError, match="at least one image"):
        TrainingSampler(0, 4)
