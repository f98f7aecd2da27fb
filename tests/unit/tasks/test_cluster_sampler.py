"""Batches of clusters: as many whatever the clusters are, and nobody who is in none."""

from __future__ import annotations

import numpy as np

from reid_core.tasks.adaptation.sampler import ClusterSampler

LABELS = np.array([2, -1, 0, 0, 1, -1, 1, 2, 2, 0, 3, 3])
CAMERAS = np.arange(12) % 3


def sampler(labels=LABELS, batches=7):
    return ClusterSampler(labels, CAMERAS, 2, 2, batches=batches)


def test_outliers_are_never_drawn_and_everybody_else_is():
    drawn = np.unique(np.concatenate(sampler().epoch_batches(0, 1)))
    assert drawn.tolist() == np.flatnonzero(LABELS >= 0).tolist()


def test_a_batch_holds_two_images_of_two_clusters():
    for batch in sampler().epoch_batches(0, 1):
        _, counts = np.unique(LABELS[batch], return_counts=True)
        assert counts.tolist() == [2, 2]
        assert len(set(batch.tolist())) == 4


def test_an_epoch_has_as_many_batches_whatever_the_clusters():
    for labels in (LABELS, np.zeros(12, np.int64), np.arange(12)):
        made = sampler(labels, batches=5)
        assert made.batches_per_epoch == len(made.epoch_batches(3, 2)) == 5


def test_batches_are_a_function_of_seed_and_epoch():
    def drawn(seed, epoch):
        return np.concatenate(sampler().epoch_batches(seed, epoch)).tolist()

    assert drawn(0, 1) == drawn(0, 1)
    assert drawn(0, 1) != drawn(0, 2)
    assert drawn(0, 1) != drawn(1, 1)
