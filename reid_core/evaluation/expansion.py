"""Alpha query expansion (Radenovic et al., TPAMI 2018, section 3.4): a feature becomes a mean over its neighbours."""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse

from reid_core.evaluation.distance import Array, Distance
from reid_core.evaluation.neighbours import neighbours

__all__ = ["expand_queries"]


def expand_queries(
    query: Array,
    gallery: Array,
    *,
    times: int = 1,
    k: int = 5,
    alpha: float = 3.0,
    device: torch.device | None = None,
) -> tuple[Array, Array]:
    """Expand query (Q, D) and gallery (G, D) features, both sides among both, `times` times over.

    A feature becomes the mean of its `k` nearest by cosine, itself the first of them, each weighed by cosine ** alpha
    (FastReID's form: nothing is normalised on the way). A neighbour with a negative cosine, which has no real power
    of a fractional alpha, weighs nothing then. A `k` above Q + G counts as Q + G. Neighbours are searched on `device`.
    """
    features = np.concatenate([query, gallery])
    for _ in range(times):
        features = _expanded(features, k, alpha, device)
    return features[: query.shape[0]], features[query.shape[0] :]


def _expanded(features: Array, k: int, alpha: float, device: torch.device | None) -> Array:
    if not features.size:
        return features
    found = neighbours(features, k, metric=Distance.COSINE, device=device)
    count, each = found.indices.shape
    cosines = 1 - found.distances
    weights = np.power(cosines if float(alpha).is_integer() else np.maximum(cosines, 0), alpha) / each
    bounds = np.arange(0, count * each + 1, each)
    means: Array = sparse.csr_array((weights.ravel(), found.indices.ravel(), bounds), shape=(count, count)) @ features
    return means
