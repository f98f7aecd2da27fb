"""FastReID's Python evaluation as a plain oracle: sort each query's list and walk it in Python.

Its cost is linear in the number of queries, so a part of them says what all would cost.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["plain_metrics"]

Numbers = npt.NDArray[np.floating]
Integers = npt.NDArray[np.integer]


def plain_metrics(
    distances: Numbers, query_pids: Integers, gallery_pids: Integers, query_camids: Integers, gallery_camids: Integers
) -> tuple[float, float, float]:
    """mAP, mINP and rank-1 of distances (Q, G)."""
    order = np.argsort(distances, axis=1)
    hits = (gallery_pids[order] == query_pids[:, None]).astype(np.int32)
    precisions, penalties, firsts = [], [], []
    for query, ranked in enumerate(order):
        same_person = gallery_pids[ranked] == query_pids[query]
        junk = same_person & (gallery_camids[ranked] == query_camids[query])
        found = hits[query][~junk]
        if not found.any():
            continue
        so_far = found.cumsum()
        precision = [count / (place + 1.0) for place, count in enumerate(so_far)]
        precisions.append(float((np.asarray(precision) * found).sum() / found.sum()))
        last = int(np.flatnonzero(found)[-1])
        penalties.append(float(so_far[last] / (last + 1.0)))
        firsts.append(float(found[0]))
    return float(np.mean(precisions)), float(np.mean(penalties)), float(np.mean(firsts))
