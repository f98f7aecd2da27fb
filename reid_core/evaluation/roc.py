"""How many true pairs are accepted at a given rate of false ones: verification on the pairs of a retrieval protocol.

A pair is a query and a gallery image; those that the protocol leaves out of a list (same identity, same camera) are
no pairs. It is positive when the identities are equal, and accepted when its distance is at most a threshold.
TPR and FPR are the accepted shares of the positive and of the negative pairs. (FastReID has the sign inverted.)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reid_core.evaluation.distance import Array, Distance, distance_blocks
from reid_core.evaluation.labels import Labels

__all__ = ["Roc", "RocCollector", "roc", "tpr_at_fpr"]

_BLOCK_DISTANCES = 1 << 24


@dataclass(frozen=True, slots=True, eq=False)
class Roc:
    """Exact, from distances: `positives` (P,) of all positive pairs, `negatives` (K,) of the nearest negative ones.

    Both ascend; K of all `negative_pairs` are as many as rates up to `max_fpr` need.
    """

    positives: Array
    negatives: Array
    negative_pairs: int
    max_fpr: float

    def tpr_at(self, fpr: Sequence[float]) -> npt.NDArray[np.float64]:
        """The largest TPR, (len(fpr),), over all thresholds whose FPR is at most each given one.

        NaN where there is no positive pair. Raises ValueError for a rate outside 0 to `max_fpr`.
        """
        if any(not 0 <= rate <= self.max_fpr for rate in fpr):
            raise ValueError(f"false positive rates {list(fpr)}: they must lie in 0 to {self.max_fpr:g}")
        if not self.positives.size:
            return np.full(len(fpr), np.nan)
        return np.array([self._accepted(rate) / self.positives.size for rate in fpr])

    def _accepted(self, rate: float) -> int:
        """Positives nearer than the first negative that may not be accepted any more."""
        allowed = _allowed(rate, self.negative_pairs)
        if allowed == self.negative_pairs:
            return self.positives.size
        return int(np.searchsorted(self.positives, self.negatives[allowed], side="left"))

    def points(self, count: int = 200) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """(fpr, tpr), ascending, at `count` thresholds or fewer: the distances of evenly spread positive pairs.

        Ends where FPR exceeds `max_fpr`.
        """
        spread = np.linspace(0, self.positives.size - 1, min(count, self.positives.size)).astype(np.int64)
        thresholds = np.unique(self.positives[spread])
        false = np.searchsorted(self.negatives, thresholds, side="right")
        known = (false < self.negatives.size) | (self.negatives.size == self.negative_pairs)
        true = np.searchsorted(self.positives, thresholds[known], side="right")
        return false[known] / max(self.negative_pairs, 1), true / max(self.positives.size, 1)


class RocCollector:
    """Gathers a Roc from blocks of distances that are on their way to somebody else.

    Holds all positives and at most twice the negatives that `max_fpr` needs: 77 MB for .01 of the pairs of MSMT17.
    """

    def __init__(self, labels: Labels, *, max_fpr: float = 1.0) -> None:
        self._labels = labels
        self._same = labels.same_identity()
        self._max_fpr = max_fpr
        self._pairs = sum(labels.gallery_pids.size - same.size for same in self._same)
        self._keep = min(_allowed(max_fpr, self._pairs) + 1, self._pairs)
        self._positives: list[Array] = []
        self._negatives: list[Array] = []
        self._bound = np.inf  # no negative from here on is among the nearest that are kept

    def watch(self, blocks: Iterable[tuple[slice, Array]]) -> Iterator[tuple[slice, Array]]:
        """Yield the same (rows, distances), each after a look at it."""
        for part, block in blocks:
            self._look(part, block)
            yield part, block

    def result(self) -> Roc:
        """The pairs of all blocks that came by."""
        nothing = np.empty(0, np.float32)
        self._forget()
        positives, negatives = (np.concatenate([nothing, *some]) for some in (self._positives, self._negatives))
        return Roc(np.sort(positives), np.sort(negatives), self._pairs, self._max_fpr)

    def _look(self, part: slice, block: Array) -> None:
        wanted = block < self._bound
        for query, (row, marks) in enumerate(zip(block, wanted, strict=True), start=part.start):
            same = self._same[query]
            marks[same] = False
            self._positives.append(row[self._labels.split(query, same)[0]])
        self._negatives.append(block[wanted])
        if sum(some.size for some in self._negatives) > 2 * self._keep:
            self._forget()

    def _forget(self) -> None:
        """Keep the nearest negatives only."""
        held = np.concatenate(self._negatives) if self._negatives else np.empty(0, np.float32)
        if held.size > self._keep:
            held = np.partition(held, self._keep - 1)[: self._keep] if self._keep else held[:0]
            self._bound = held.max(initial=-np.inf)
        self._negatives = [held]


def roc(
    query: Array,
    gallery: Array,
    labels: Labels,
    *,
    max_fpr: float = 0.1,
    metric: Distance = Distance.COSINE,
    block_rows: int | None = None,
) -> Roc:
    """The Roc of features (Q, D) and (G, D), exact up to `max_fpr`, without a matrix of all distances."""
    return _collected(distance_blocks(query, gallery, metric, rows=block_rows), labels, max_fpr)


def tpr_at_fpr(distances: Array, labels: Labels, *, fpr: Sequence[float]) -> npt.NDArray[np.float64]:
    """The largest TPR, (len(fpr),), whose FPR is at most each given one, from distances (Q, G); see `Roc.tpr_at`."""
    rows = max(1, _BLOCK_DISTANCES // max(1, distances.shape[1]))
    parts = (slice(start, start + rows) for start in range(0, distances.shape[0], rows))
    return _collected(((part, distances[part]) for part in parts), labels, max(fpr, default=0.0)).tpr_at(fpr)


def _collected(blocks: Iterable[tuple[slice, Array]], labels: Labels, max_fpr: float) -> Roc:
    collector = RocCollector(labels, max_fpr=max_fpr)
    for _ in collector.watch(blocks):
        pass
    return collector.result()


def _allowed(rate: float, pairs: int) -> int:
    """The largest number of `pairs` whose share is at most `rate`."""
    count = round(rate * pairs)
    return count if not pairs or count / pairs <= rate else count - 1
