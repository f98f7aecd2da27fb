"""What the samplers promise, on any distribution of images over identities and cameras."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reid_core.data.samplers import BalancedIdentitySampler, NaiveIdentitySampler, TrainingSampler

counts = st.lists(st.integers(1, 12), min_size=1, max_size=12)
sizes = st.tuples(st.integers(1, 8), st.integers(1, 6))
seeds = st.tuples(st.integers(0, 2**31 - 1), st.integers(0, 1000))


def _images(per_identity: list[int], cameras: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(len(per_identity)), per_identity))
    return labels, rng.integers(0, cameras, len(labels))


@given(images=st.integers(1, 200), batch=st.integers(1, 70), seed=seeds)
@settings(max_examples=60, deadline=None)
def test_training_sampler_deals_every_image_once(images, batch, seed):
    sampler = TrainingSampler(images, batch)
    batches = sampler.epoch_batches(*seed)
    assert len(batches) == sampler.batches_per_epoch == -(-images // batch)
    assert sorted(np.concatenate(batches).tolist()) == list(range(images))
    lengths = [len(each) for each in batches]
    assert max(lengths) <= batch
    assert max(lengths) - min(lengths) <= 1


@pytest.mark.slow
@given(per_identity=counts, size=sizes, cameras=st.integers(1, 4), seed=seeds)
@settings(max_examples=80, deadline=None)
def test_identity_samplers_deal_whole_groups_and_reach_everybody(per_identity, size, cameras, seed):
    labels, camids = _images(per_identity, cameras, seed[1])
    identities, instances = size
    for kind in (NaiveIdentitySampler, BalancedIdentitySampler):
        sampler = kind(labels, camids, identities, instances)
        batches = sampler.epoch_batches(*seed)
        assert len(batches) == sampler.batches_per_epoch
        for batch in batches:
            _check_groups(batch, labels, per_identity, identities, instances)
        assert set(labels[np.concatenate(batches)].tolist()) == set(range(len(per_identity)))


def _check_groups(batch, labels, per_identity, identities, instances):
    assert len(batch) == identities * instances
    images = Counter(batch.tolist())
    for label, dealt in Counter(labels[batch].tolist()).items():
        assert dealt % instances == 0
        own = [count for image, count in images.items() if labels[image] == label]
        assert max(own) - min(own) <= 1 or len(own) < per_identity[label]
        assert max(own) == -(-dealt // per_identity[label])


@pytest.mark.slow
@given(per_identity=counts, size=sizes, seed=seeds)
@settings(max_examples=60, deadline=None)
def test_balanced_epochs_cover_identities_exactly_and_differ_by_one_group_at_most(per_identity, size, seed):
    labels, camids = _images(per_identity, 2, seed[1])
    identities, instances = size
    sampler = BalancedIdentitySampler(labels, camids, identities, instances)
    people = len(per_identity)
    assert sampler.batches_per_epoch == max(-(-len(labels) // (identities * instances)), -(-people // identities))
    for batch in sampler.epoch_batches(*seed):
        groups = np.bincount(labels[batch], minlength=people) // instances
        assert groups.max() - groups.min() <= 1
    groups = np.bincount(labels[np.concatenate(sampler.epoch_batches(*seed))], minlength=people) // instances
    assert groups.max() - groups.min() <= 1


@pytest.mark.slow
@given(per_identity=counts, size=sizes, seed=seeds)
@settings(max_examples=60, deadline=None)
def test_naive_sampler_deals_every_image(per_identity, size, seed):
    labels, camids = _images(per_identity, 2, seed[1])
    identities, instances = size
    sampler = NaiveIdentitySampler(labels, camids, identities, instances)
    shares = [-(-count // instances) for count in per_identity]
    assert sampler.batches_per_epoch == -(-sum(shares) // identities)
    batches = sampler.epoch_batches(*seed)
    assert set(np.concatenate(batches).tolist()) == set(range(len(labels)))
    crowded = max(shares) > len(batches) or len(per_identity) < identities
    for batch in batches if not crowded else []:
        assert (np.bincount(labels[batch])[np.unique(labels[batch])] == instances).all()


@pytest.mark.slow
@given(per_identity=counts, seed=seeds)
@settings(max_examples=50, deadline=None)
def test_a_group_sees_as_many_cameras_as_an_even_spread_allows(per_identity, seed):
    labels, camids = _images(per_identity, 3, seed[1])
    for batch in BalancedIdentitySampler(labels, camids, 2, 4).epoch_batches(*seed):
        for label in np.unique(labels[batch]):
            mine = batch[labels[batch] == label]
            seen, all_ = (len(np.unique(camids[where])) for where in (mine, labels == label))
            equal = np.bincount(camids[labels == label])
            if len(set(equal[equal > 0].tolist())) == 1:
                assert seen >= min(all_, 3)
