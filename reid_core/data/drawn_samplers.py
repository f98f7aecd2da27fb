"""Samplers that draw every batch anew with given chances; names and terms as in samplers.py.

| sampler           | chances                                                                   | batches     |
|-------------------|---------------------------------------------------------------------------|-------------|
| imbalanced        | an image's is 1 / images of its identity: every identity is equally likely | ceil(N / B) |
| id average        | P different identities, all equally likely; K different images of each     | ceil(N / B) |
| set re-weighting  | sets share the P identities of a batch by their weights; within a set an   | ceil(N / B) |
|                   | identity's chance is as its number of images                               |             |

An epoch need not see every image. As in samplers.py, identities and images repeat only where there are too few of them,
and then as evenly as possible.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from reid_core.data.randomness import Purpose, generator
from reid_core.data.records import Indices, Labels
from reid_core.data.samplers import Batch, Groups

__all__ = ["IdAvgProbSampler", "ImbalancedDatasetSampler", "SetReWeightSampler"]

Weights = npt.NDArray[np.float64]


class ImbalancedDatasetSampler:
    """Independent draws of images, every identity equally likely (FastReID's sampler of this name).

    `labels` are (N,); an epoch draws N images, and batch sizes differ by one at most.
    """

    def __init__(self, labels: Labels, batch_size: int) -> None:
        if len(labels) < 1 or batch_size < 1:
            raise ValueError(f"need at least one image and a batch of one, got {len(labels)} and {batch_size}")
        order = np.argsort(labels, kind="stable")
        self._members = np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)
        self._images = len(labels)
        self.batches_per_epoch = -(-len(labels) // batch_size)

    def epoch_batches(self, seed: int, epoch: int) -> list[Batch]:
        """The batches of an epoch as positions in the training set."""
        rng = generator(seed, Purpose.SAMPLER, epoch)
        people = rng.integers(0, len(self._members), self._images)
        drawn = np.array([self._members[one][rng.integers(len(self._members[one]))] for one in people], dtype=np.int64)
        return np.array_split(drawn, self.batches_per_epoch)


class IdAvgProbSampler:
    """Identities equally likely whatever number of images they have (PaddleClas: PKSampler with id_avg_prob).

    `labels` and `camids` are (N,); a batch holds `identities` identities with `instances` images each. Unlike the
    balanced sampler's, batches are independent: an epoch may miss an identity.
    """

    def __init__(self, labels: Labels, camids: Labels, identities: int, instances: int) -> None:
        self._groups = Groups(labels, camids, identities, instances)
        self.batches_per_epoch = -(-len(labels) // (identities * instances))

    def epoch_batches(self, seed: int, epoch: int) -> list[Batch]:
        """The batches of an epoch as positions in the training set."""
        rng = generator(seed, Purpose.SAMPLER, epoch)
        alike = np.ones(len(self._groups.members))
        return [
            self._batch(_different(alike, self._groups.identities, rng), rng) for _ in range(self.batches_per_epoch)
        ]

    def _batch(self, chosen: list[int], rng: np.random.Generator) -> Batch:
        hands = [
            np.resize(rng.permutation(self._groups.members[one]), self._groups.instances * times)
            for one, times in Counter(chosen).items()
        ]
        return np.concatenate(hands)


class SetReWeightSampler:
    """Several data sets in given shares of every batch (FastReID's sampler of this name, DATALOADER.SET_WEIGHT).

    `labels`, `camids` and `sets` are (N,); image i is of data set `sets[i]`, whose weight is `weights[sets[i]]`. Where
    shares are no whole numbers of identities, batches take turns: over an epoch each set keeps its share within one
    group. Raises ValueError unless every set has images and a weight above 0.
    """

    def __init__(
        self,
        labels: Labels,
        camids: Labels,
        sets: Labels,
        weights: Sequence[float],
        identities: int,
        instances: int,
    ) -> None:
        self._groups = Groups(labels, camids, identities, instances)
        of_identity = np.array([sets[own[0]] for own in self._groups.members])
        self._people = [np.flatnonzero(of_identity == one) for one in range(len(weights))]
        if min(weights, default=0.0) <= 0 or not all(map(len, self._people)) or sets.max() >= len(weights):
            raise ValueError(f"need a weight above 0 for each set of images, got {list(weights)}")
        self._shares = np.array(weights, dtype=np.float64) / sum(weights) * identities
        self._images = np.array([len(own) for own in self._groups.members], dtype=np.float64)
        self.batches_per_epoch = -(-len(labels) // (identities * instances))

    def epoch_batches(self, seed: int, epoch: int) -> list[Batch]:
        """The batches of an epoch as positions in the training set."""
        rng = generator(seed, Purpose.SAMPLER, epoch)
        images = self._groups.decks(rng)
        batches = []
        for counts in _turns(self._shares, self.batches_per_epoch):
            chosen = [
                int(people[place])
                for people, count in zip(self._people, counts.tolist(), strict=True)
                for place in _different(self._images[people], count, rng)
            ]
            batches.append(self._groups.batch(chosen, images))
        return batches


def _different(weights: Weights, count: int, rng: np.random.Generator) -> list[int]:
    """`count` positions with chances as `weights`, different from each other; where these are all, another round."""
    chosen: list[int] = []
    while len(chosen) < count:
        # Efraimidis and Spirakis 2006: the largest u ** (1 / weight) are a weighted sample without replacement.
        chances = rng.random(len(weights)) ** (1 / weights)
        chosen += np.argsort(-chances, kind="stable")[: count - len(chosen)].tolist()
    return chosen


def _turns(shares: Weights, batches: int) -> Indices:
    """How many identities (batches, S) each set gives to each batch; rows add up to the sum of `shares` (S,).

    The k-th identity of a set is due at (k + .5) / share, in batches; whoever is due first goes first.
    """
    places = batches * round(shares.sum())
    most = np.ceil(shares * batches).astype(np.int64) + 1
    due = np.concatenate([(np.arange(count) + 0.5) / share for share, count in zip(shares, most, strict=True)])
    order = np.repeat(np.arange(len(shares)), most)[np.argsort(due, kind="stable")[:places]]
    return np.stack([np.bincount(batch, minlength=len(shares)) for batch in np.split(order, batches)])
