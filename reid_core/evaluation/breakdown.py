"""A ranking taken apart: the same metrics for the queries of each camera, or of each identity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reid_core.evaluation.labels import Integers
from reid_core.evaluation.ranking import Ranking

__all__ = ["Group", "by_group"]


@dataclass(frozen=True, slots=True)
class Group:
    """Metrics, as fractions, over the `queries` of one group that have a match."""

    group: int
    queries: int
    mean_ap: float
    rank1: float


def by_group(ranking: Ranking, groups: Integers) -> tuple[Group, ...]:
    """One Group for each value of `groups` (Q,), ascending; those without a valid query are left out."""
    valid, first, ap = groups[ranking.valid], ranking.first_hit[ranking.valid], ranking.ap[ranking.valid]
    values, place, counts = np.unique(valid, return_inverse=True, return_counts=True)
    means = np.bincount(place, weights=ap) / counts
    hits = np.bincount(place, weights=first == 1) / counts
    rows = zip(values.tolist(), counts.tolist(), means.tolist(), hits.tolist(), strict=True)
    return tuple(Group(*row) for row in rows)
