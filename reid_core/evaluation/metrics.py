"""CMC, mAP and mINP of a ranking: shares and means over the queries that have a match."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reid_core.evaluation.ranking import Ranking

__all__ = ["cmc", "mean_average_precision", "mean_inverse_negative_penalty", "retrieval_metrics"]


def cmc(ranking: Ranking, max_rank: int = 50) -> npt.NDArray[np.float64]:
    """Compute the cumulative match curve: [k-1] is the share of valid queries with a match among the first k.

    As long as the smaller of `max_rank` and the gallery; a query with a shorter list keeps its last value.
    """
    length = min(max_rank, ranking.gallery)
    first = ranking.first_hit[ranking.valid]
    counts = np.bincount(first[first <= length], minlength=length + 1)[1:]
    return np.cumsum(counts) / first.size


def mean_average_precision(ranking: Ranking) -> float:
    """Average AP over the valid queries; AP is the mean precision at the matches."""
    return float(ranking.ap[ranking.valid].mean())


def mean_inverse_negative_penalty(ranking: Ranking) -> float:
    """Average INP = matches / rank of the last match (Ye et al. 2021, eq. 3) over the valid queries."""
    return float(ranking.inp[ranking.valid].mean())


def retrieval_metrics(ranking: Ranking) -> dict[str, float]:
    """Name the fractions mAP, mINP, rank1, rank5 and rank10."""
    curve = cmc(ranking, 10)
    shares = {f"rank{k}": float(curve[min(k, curve.size) - 1]) for k in (1, 5, 10)}
    return {"mAP": mean_average_precision(ranking), "mINP": mean_inverse_negative_penalty(ranking), **shares}
