"""Batches of clustered images: as many an epoch whatever the clusters are, because schedules count them."""

from __future__ import annotations

import numpy as np

from reid_core.data.randomness import Purpose, generator
from reid_core.data.records import Indices, Labels
from reid_core.data.samplers import Deck, Groups
from reid_core.tasks.adaptation.clustering import OUTLIER

__all__ = ["ClusterSampler"]


class ClusterSampler:
    """Clusters in rounds of all, K images of each of P clusters in a batch; outliers are never drawn.

    `clusters` (N,), OUTLIER for images in none, and `camids` (N,); a batch holds `identities` clusters with `instances`
    images each, an epoch `batches` batches.
    """

    def __init__(self, clusters: Labels, camids: Labels, identities: int, instances: int, *, batches: int) -> None:
        self._inside = np.flatnonzero(clusters != OUTLIER)
        self._groups = Groups(clusters[self._inside], camids[self._inside], identities, instances)
        self.batches_per_epoch = batches

    def epoch_batches(self, seed: int, epoch: int) -> list[Indices]:
        """The batches of an epoch as positions in the training set."""
        rng = generator(seed, Purpose.SAMPLER, epoch)
        images = self._groups.decks(rng)
        order = Deck(lambda _: rng.permutation(len(images)))
        return [
            self._inside[self._groups.batch(order.deal(self._groups.identities), images)]
            for _ in range(self.batches_per_epoch)
        ]
