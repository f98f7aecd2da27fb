"""Which images form the batches of an epoch: pure functions of (seed, epoch), so that resuming needs no state.

N images, I identities, batches of B images; P identities with K images each where P x K = B. The number of batches is
known before training starts, for schedules that count iterations:

| sampler           | an epoch                                                         | batches                       |
|-------------------|------------------------------------------------------------------|-------------------------------|
| training          | every image once; batch sizes differ by one at most              | ceil(N / B)                   |
| naive identity    | every image at least once: identity i fills ceil(n_i / K) groups | ceil(sum_i ceil(n_i / K) / P) |
| balanced identity | identities equally often, each at least once                     | max(ceil(N / B), ceil(I / P)) |

Batches of the identity samplers always hold exactly P groups of K images. A batch has P different identities; only when
there are fewer than P of them do identities repeat in it, as evenly as possible (FastReID loops for ever there).
A group has K different images; only an identity with fewer than K images repeats some, as evenly as possible.
The images of a camera are spread evenly over an identity's shuffled images, so that a group sees as many cameras as it
can (the aim of FastReID's camera-diverse choice, without its repeats). Balanced identities come in rounds that hold
each of them exactly once, so that over an epoch two of them differ by one group at most.

Samplers that draw each batch anew, with given chances, stand in drawn_samplers.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from functools import partial
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from reid_core.data.randomness import Purpose, generator
from reid_core.data.records import Indices, Labels

__all__ = [
    "BalancedIdentitySampler",
    "Batch",
    "Groups",
    "NaiveIdentitySampler",
    "Sampler",
    "TrainingSampler",
    "equals_before",
]

Batch: TypeAlias = Indices
_Shuffle: TypeAlias = Callable[[list[int]], Indices]


class Sampler(Protocol):
    """Deals the images of an epoch into batches."""

    @property
    def batches_per_epoch(self) -> int:
        """How many batches every epoch has."""
        ...

    def epoch_batches(self, seed: int, epoch: int) -> list[Batch]:
        """The batches of an epoch as positions in the training set; equal arguments give equal batches."""
        ...


class TrainingSampler:
    """Every one of `images` images once, shuffled; sizes differ by one at most, so that no batch is tiny."""

    def __init__(self, images: int, batch_size: int) -> None:
        if images < 1 or batch_size < 1:
            raise ValueError(f"need at least one image and a batch of one, got {images} and {batch_size}")
        self._images = images
        self.batches_per_epoch = -(-images // batch_size)

    def epoch_batches(self, seed: int, epoch: int) -> list[Batch]:
        """The batches of an epoch as positions in the training set."""
        order = generator(seed, Purpose.SAMPLER, epoch).permutation(self._images)
        return np.array_split(order, self.batches_per_epoch)


class NaiveIdentitySampler:
    """Identities in proportion to their images, every image at least once.

    `labels` and `camids` are (N,); a batch holds `identities` identities with `instances` images each.
    """

    def __init__(self, labels: Labels, camids: Labels, identities: int, instances: int) -> None:
        self._groups = Groups(labels, camids, identities, instances)
        self._shares = np.array([-(-len(own) // instances) for own in self._groups.members])
        self.batches_per_epoch = int(-(-self._shares.sum() // identities))

    def epoch_batches(self, seed: int, epoch: int) -> list[Batch]:
        """The batches of an epoch as positions in the training set.

        Each batch draws identities without repeats, with chances as their groups left over; those that would not fit
        into the batches left otherwise come first.
        """
        rng = generator(seed, Purpose.SAMPLER, epoch)
        images = self._groups.decks(rng)
        fillers = Deck(lambda _: rng.permutation(len(images)))
        left = self._shares.copy()
        batches = []
        for batches_left in range(self.batches_per_epoch, 0, -1):
            chosen = self._choose(left, batches_left, rng)
            chosen += fillers.deal(self._groups.identities - len(chosen), avoid=chosen)
            batches.append(self._groups.batch(chosen, images))
        return batches

    def _choose(self, left: Indices, batches_left: int, rng: np.random.Generator) -> list[int]:
        """Up to P identities with groups left; takes their groups off `left`."""
        room = self._groups.identities
        open_ = np.flatnonzero(left)
        # Efraimidis and Spirakis 2006: the largest u ** (1 / weight) are a weighted sample without replacement.
        chances = rng.random(len(open_)) ** (1 / left[open_])
        chances[left[open_] >= batches_left] += 1
        chosen: list[int] = open_[np.argsort(-chances, kind="stable")[:room]].tolist()
        left[chosen] -= 1
        # An identity with more groups than there are batches stands in some of them twice.
        while len(chosen) < room and left.sum() > self._groups.identities * (batches_left - 1):
            chosen.append(int(left.argmax()))
            left[chosen[-1]] -= 1
        return chosen


class BalancedIdentitySampler:
    """All identities equally often, whatever number of images they have; each at least once an epoch.

    `labels` and `camids` are (N,); a batch holds `identities` identities with `instances` images each.
    """

    def __init__(self, labels: Labels, camids: Labels, identities: int, instances: int) -> None:
        self._groups = Groups(labels, camids, identities, instances)
        full = -(-len(labels) // (identities * instances))
        self.batches_per_epoch = max(full, -(-len(self._groups.members) // identities))

    def epoch_batches(self, seed: int, epoch: int) -> list[Batch]:
        """The batches of an epoch as positions in the training set."""
        rng = generator(seed, Purpose.SAMPLER, epoch)
        images = self._groups.decks(rng)
        people = Deck(lambda _: rng.permutation(len(images)))
        return [self._groups.batch(people.deal(self._groups.identities), images) for _ in range(self.batches_per_epoch)]


class Groups:
    """The images of each identity, `members` in the order of the labels, and how groups of them become a batch.

    `labels` and `camids` are (N,); a batch holds `identities` groups of `instances` images. Raises ValueError.
    """

    def __init__(self, labels: Labels, camids: Labels, identities: int, instances: int) -> None:
        if identities < 1 or instances < 1 or len(labels) < 1 or len(labels) != len(camids):
            raise ValueError(
                f"need images with a label and a camera each, P >= 1 and K >= 1; "
                f"got {len(labels)} labels, {len(camids)} cameras, P = {identities}, K = {instances}"
            )
        self.identities = identities
        self.instances = instances
        order = np.argsort(labels, kind="stable")
        starts = np.flatnonzero(np.diff(labels[order])) + 1
        self.members: list[Indices] = np.split(order, starts)
        self._cameras = [camids[own] for own in self.members]

    def decks(self, rng: np.random.Generator) -> list[Deck]:
        """A deck of images for each identity."""
        return [
            Deck(partial(_spread_cameras, own, cameras, rng))
            for own, cameras in zip(self.members, self._cameras, strict=True)
        ]

    def batch(self, chosen: list[int], images: list[Deck]) -> Batch:
        """K images of each chosen identity, group by group; one chosen m times gives m x K at once."""
        hands = [images[one].deal(self.instances * times) for one, times in Counter(chosen).items()]
        return np.array([image for hand in hands for image in hand], dtype=np.int64)


def _spread_cameras(images: Indices, cameras: Labels, rng: np.random.Generator, held: list[int]) -> Indices:
    """`images` shuffled so that those of each camera lie evenly spaced, as if those `held` had just been dealt."""
    order = rng.permutation(len(images))
    order = order[np.argsort(np.isin(images[order], held), kind="stable")]  # these cannot be dealt to the same hand
    _, camera, counts = np.unique(cameras[order], return_inverse=True, return_counts=True)
    seen = np.bincount(camera[np.isin(images[order], held)], minlength=len(counts))
    start = np.empty(len(counts))
    start[np.lexsort((rng.random(len(counts)), -seen))] = np.sort(rng.random(len(counts)))
    place = (equals_before(camera) + seen[camera] + start[camera]) / counts[camera]
    return images[order[np.argsort(place, kind="stable")]]


def equals_before(values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """For each of `values` (N,): how many equal ones stand before it."""
    order = np.argsort(values, kind="stable")
    _, counts = np.unique(values, return_counts=True)
    rank = np.empty(len(values), dtype=np.int64)
    rank[order] = np.arange(len(values)) - np.repeat(np.cumsum(counts) - counts, counts)
    return rank


class Deck:
    """Deals items in shuffled order, each once before any is dealt again; `shuffle` is told what the hand holds."""

    def __init__(self, shuffle: _Shuffle) -> None:
        self._shuffle = shuffle
        self._rest: list[int] = shuffle([]).tolist()
        self._size = len(self._rest)

    def deal(self, count: int, avoid: Collection[int] = ()) -> list[int]:
        """`count` items, different from each other and from `avoid`; where these are all, another round of them."""
        hand: list[int] = []
        held = set(avoid)
        while len(hand) < count:
            if len(held) == self._size:
                held.clear()
            place = next((at for at, item in enumerate(self._rest) if item not in held), None)
            if place is None:
                self._rest += self._shuffle(hand).tolist()
                continue
            hand.append(self._rest.pop(place))
            held.add(hand[-1])
        return hand
