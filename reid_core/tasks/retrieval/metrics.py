"""Recall at k, MAP@R and R-precision of a ranking, over the queries that have a match."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from reid_core.evaluation import Ranking

__all__ = ["recalls", "retrieval_measures"]


def retrieval_measures(ranking: Ranking, recall_at: Sequence[int]) -> dict[str, float]:
    """recall1 … for each k of `recall_at` that the gallery has images for, map_at_r and r_precision: fractions.

    Recall at k (Jegou et al. 2011; in metric learning since Song et al. 2016): the share of queries with a match among
    the first k. With R matches of a query, R-precision is the share of matches among its first R images, and MAP@R the
    mean over these R places of the precision there, 0 where no match stands (Musgrave et al. 2020, section 3.2).
    A gallery of k images counts as large enough for recall at k, the query itself among them or not.
    """
    known = [k for k in recall_at if k <= ranking.gallery]
    return {
        **recalls(ranking.first_hit[ranking.valid], known),
        "map_at_r": float(ranking.map_at_r[ranking.valid].mean()),
        "r_precision": float(ranking.r_precision[ranking.valid].mean()),
    }


def recalls(first_hit: npt.NDArray[np.int64], recall_at: Sequence[int]) -> dict[str, float]:
    """The shares of queries whose first match, at these ranks from 1 (Q,), stands among the first k: recallk."""
    return {f"recall{k}": float(np.mean(first_hit <= k)) for k in recall_at}
