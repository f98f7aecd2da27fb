"""Pairs of images to tell apart: as LFW lists them, or drawn from held-out identities."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reid_core.data.randomness import Purpose, generator
from reid_core.data.records import Indices, Labels
from reid_core.errors import DataError, Finding

__all__ = ["FOLDS", "Pairs", "drawn_pairs"]

FOLDS = 10
"""As Huang et al. 2007, "Labeled Faces in the Wild", has them."""

_STREAM = 1  # of SPLIT: stream 0 chooses the identities


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """P pairs: positions `left` and `right` (P,) of their images, whether they show the `same` person, and `fold`."""

    left: Indices
    right: Indices
    same: npt.NDArray[np.bool_]
    fold: Indices

    def subset(self, chosen: npt.NDArray[np.bool_]) -> Pairs:
        """The pairs where `chosen` (P,) is true."""
        return Pairs(self.left[chosen], self.right[chosen], self.same[chosen], self.fold[chosen])

    @property
    def fingerprint(self) -> str:
        """The sha256 of all pairs in order."""
        rows = np.stack([self.left, self.right, self.same.astype(np.int64), self.fold])
        return hashlib.sha256(np.ascontiguousarray(rows, dtype="<i8").tobytes()).hexdigest()


def drawn_pairs(labels: Labels, *, seed: int, most: int) -> Pairs:
    """FOLDS folds of equally many pairs of one person and of two, of images with `labels` (N,): at most `most` of each.

    No pair comes twice; each person has about as many pairs of one person as the others. A person may be in several
    folds, unlike in LFW: few are held out. Raises DataError where there are too few images for one pair a fold.
    """
    rng = generator(seed, Purpose.SPLIT, _STREAM)
    own: dict[int, list[int]] = defaultdict(list)
    for index, label in enumerate(labels.tolist()):
        own[label].append(index)
    possible = sum(len(images) * (len(images) - 1) // 2 for images in own.values())
    others = len(labels) * (len(labels) - 1) // 2 - possible
    each = min(most, possible // FOLDS, others // FOLDS)
    if each < 1:
        raise DataError(
            Finding(
                "too-few-pairs",
                f"{FOLDS} folds need {FOLDS} pairs of one person and {FOLDS} of two;"
                f" {len(labels)} held-out images of {len(own)} persons make {possible} and {others}",
                hint="hold out more (DATASETS.VAL_FRACTION), or add images",
                key="DATASETS.VAL_FRACTION",
            )
        )
    pairs = [*_same(list(own.values()), each * FOLDS, rng), *_different(labels, each * FOLDS, rng)]
    left, right = np.array(pairs, dtype=np.int64).T
    kinds = np.repeat([True, False], each * FOLDS)
    fold = np.tile(np.arange(FOLDS, dtype=np.int64), 2 * each)
    return Pairs(left, right, kinds, fold)


def _same(persons: list[list[int]], wanted: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Pairs of each person in turn, as many as it has or as are wanted."""
    possible = np.array([len(images) * (len(images) - 1) // 2 for images in persons])
    counts = np.zeros_like(possible)
    while (missing := wanted - counts.sum()) > 0:
        counts[rng.permutation(np.flatnonzero(counts < possible))[:missing]] += 1
    pairs: list[tuple[int, int]] = []
    for images, total, count in zip(persons, possible.tolist(), counts.tolist(), strict=True):
        first, second = np.triu_indices(len(images), 1)
        chosen = rng.choice(total, count, replace=False) if count else np.empty(0, np.int64)
        pairs += [(images[first[place]], images[second[place]]) for place in chosen.tolist()]
    return [pairs[place] for place in rng.permutation(len(pairs)).tolist()]


def _different(labels: Labels, wanted: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Pairs of images of two persons, each person as likely as it has images."""
    found: dict[tuple[int, int], None] = {}
    while len(found) < wanted:
        for first, second in rng.integers(0, len(labels), (2 * wanted, 2)).tolist():
            if labels[first] != labels[second]:
                found.setdefault((min(first, second), max(first, second)))
    return list(found)[:wanted]
