"""Samplers that draw with given chances: what they promise exactly, and their chances in numbers."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reid_core.data.drawn_samplers import IdAvgProbSampler, ImbalancedDatasetSampler, SetReWeightSampler

LABELS = np.repeat(np.arange(6), [1, 2, 4, 8, 16, 29])
CAMIDS = np.arange(len(LABELS)) % 3
SETS = (LABELS > 2).astype(np.int64)


def of_kind(kind, labels=LABELS, camids=CAMIDS, sets=SETS, size=(3, 2)):
    if kind is ImbalancedDatasetSampler:
        return kind(labels, size[0] * size[1])
    if kind is SetReWeightSampler:
        return kind(labels, camids, sets, [2.0, 1.0], *size)
    return kind(labels, camids, *size)


KINDS = (ImbalancedDatasetSampler, IdAvgProbSampler, SetReWeightSampler)
counts = st.lists(st.integers(1, 9), min_size=2, max_size=9)
sizes = st.tuples(st.integers(1, 7), st.integers(1, 5))


@pytest.mark.parametrize("kind", KINDS)
def test_an_epoch_depends_on_seed_and_epoch_only(kind):
    one, other = of_kind(kind), of_kind(kind)
    other.epoch_batches(4, 2)
    first, same, next_ = one.epoch_batches(4, 3), other.epoch_batches(4, 3), one.epoch_batches(4, 4)
    assert len(first) == one.batches_per_epoch == 10
    assert all(np.array_equal(left, right) for left, right in zip(first, same, strict=True))
    assert not np.array_equal(np.concatenate(first), np.concatenate(next_))
    assert not np.array_equal(np.concatenate(first), np.concatenate(one.epoch_batches(5, 3)))


@pytest.mark.slow
@given(per_identity=counts, size=sizes, seed=st.integers(0, 2**31 - 1))
@settings(max_examples=60, deadline=None)
def test_groups_repeat_identities_and_images_only_where_they_must(per_identity, size, seed):
    labels = np.repeat(np.arange(len(per_identity)), per_identity)
    camids, sets = np.arange(len(labels)) % 2, (labels > 0).astype(np.int64)
    identities, instances = size
    for kind in (IdAvgProbSampler, SetReWeightSampler):
        sampler = of_kind(kind, labels, camids, sets, size)
        batches = sampler.epoch_batches(seed, 0)
        assert len(batches) == sampler.batches_per_epoch == -(-len(labels) // (identities * instances))
        for batch in batches:
            assert len(batch) == identities * instances
            assert (np.diff(labels[batch].reshape(-1, instances), axis=1) == 0).all()
            dealt = Counter(labels[batch].tolist())
            images = Counter(batch.tolist())
            for label, many in dealt.items():
                own = [images[image] for image in np.flatnonzero(labels == label).tolist()]
                assert max(own) - min(own) <= 1
                assert sum(own) == many
            if kind is IdAvgProbSampler:
                groups = [dealt[label] // instances for label in range(len(per_identity))]
                assert max(groups) - min(groups) <= 1


@pytest.mark.slow
@given(
    weights=st.lists(st.floats(0.1, 10), min_size=1, max_size=4), size=sizes, seed=st.integers(0, 1000), images=counts
)
@settings(max_examples=60, deadline=None)
def test_each_set_has_its_share_of_every_epoch(weights, size, seed, images):
    people = len(images)
    labels = np.repeat(np.arange(people * len(weights)), images * len(weights))
    sets = labels // people
    sampler = SetReWeightSampler(labels, np.zeros_like(labels), sets, weights, *size)
    batches = sampler.epoch_batches(seed, 1)
    groups = np.stack([np.bincount(sets[batch], minlength=len(weights)) for batch in batches]) / size[1]
    shares = np.array(weights) / sum(weights) * size[0]
    so_far = np.arange(1, len(batches) + 1)[:, None] * shares
    assert np.abs(groups.cumsum(axis=0) - so_far).max() < 1.5


def test_whole_shares_are_kept_in_every_batch():
    sampler = SetReWeightSampler(LABELS, CAMIDS, SETS, [2.0, 1.0], 6, 2)
    for batch in sampler.epoch_batches(0, 0):
        assert np.bincount(SETS[batch]).tolist() == [8, 4]


@pytest.mark.slow
def test_within_a_set_identities_follow_their_images():
    labels = np.repeat(np.arange(4), [5, 15, 10, 10])
    sampler = SetReWeightSampler(labels, np.zeros_like(labels), labels // 2, [1.0, 1.0], 2, 1)
    drawn = np.concatenate([np.concatenate(sampler.epoch_batches(0, epoch)) for epoch in range(200)])
    shares = np.bincount(labels[drawn]) / len(drawn)
    assert shares == pytest.approx([0.125, 0.375, 0.25, 0.25], abs=0.02)


@pytest.mark.slow
def test_identities_are_equally_likely_whatever_their_images():
    epochs = 300
    sampler = IdAvgProbSampler(LABELS, CAMIDS, 2, 2)
    drawn = np.concatenate([np.concatenate(sampler.epoch_batches(0, epoch)) for epoch in range(epochs)])
    shares = np.bincount(LABELS[drawn]) / len(drawn)
    assert shares == pytest.approx(np.full(6, 1 / 6), abs=0.01)
    last = np.bincount(drawn, minlength=len(LABELS))[LABELS == 5]
    assert last.min() > 0.7 * last.mean()
    assert last.max() < 1.3 * last.mean()


def test_unlike_balanced_batches_these_may_miss_an_identity():
    sampler = IdAvgProbSampler(LABELS, CAMIDS, 1, 4)
    seen = [len(set(LABELS[np.concatenate(sampler.epoch_batches(0, epoch))].tolist())) for epoch in range(20)]
    assert min(seen) < 6


def test_imbalanced_images_make_identities_equally_likely():
    sampler = ImbalancedDatasetSampler(LABELS, 16)
    epochs = [sampler.epoch_batches(0, epoch) for epoch in range(300)]
    assert [len(batch) for batch in epochs[0]] == [15, 15, 15, 15]
    drawn = np.concatenate([np.concatenate(batches) for batches in epochs])
    assert len(drawn) == 300 * len(LABELS)
    shares = np.bincount(LABELS[drawn]) / len(drawn)
    assert shares == pytest.approx(np.full(6, 1 / 6), abs=0.01)


@pytest.mark.parametrize("weights", [[1.0], [1.0, 0.0], [1.0, 1.0, 1.0], []])
def test_sets_and_weights_that_do_not_fit_are_refused(weights):
    with pytest.raises(ValueError, match="a weight above 0 for each set"):
        SetReWeightSampler(LABELS, CAMIDS, SETS, weights, 3, 2)


def test_empty_draws_are_refused():
    with pytest.raises(ValueError, match="at least one image"):
        ImbalancedDatasetSampler(LABELS[:0], 4)
    with pytest.raises(ValueError, match="P >= 1 and K >= 1"):
        IdAvgProbSampler(LABELS, CAMIDS, 0, 4)
