"""k-reciprocal re-ranking (Zhong et al., CVPR 2017): distances that also ask who else the two are close to."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from reid_core.evaluation.distance import Array, Distance, distance_blocks
from reid_core.evaluation.products import side_by_side, stripes
from reid_core.evaluation.reciprocal import SharedWeights, encode, squared
from reid_core.signs import alive

__all__ = ["rerank", "rerank_blocks"]

_ROWS = 32
"""Queries whose common weights are counted at once."""


def rerank(
    query: Array,
    gallery: Array,
    *,
    k1: int = 20,
    k2: int = 6,
    lambda_: float = 0.3,
    metric: Distance = Distance.COSINE,
    device: torch.device | None = None,
) -> Array:
    """Re-ranked distances (Q, G) of query (Q, D) to gallery (G, D); see `rerank_blocks`."""
    distances = np.empty((query.shape[0], gallery.shape[0]), np.result_type(query, gallery))
    blocks = rerank_blocks(query, gallery, k1=k1, k2=k2, lambda_=lambda_, metric=metric, device=device)
    for part, block in blocks:
        distances[part] = block
    return distances


def rerank_blocks(
    query: Array,
    gallery: Array,
    *,
    k1: int = 20,
    k2: int = 6,
    lambda_: float = 0.3,
    metric: Distance = Distance.COSINE,
    rows: int | None = None,
    device: torch.device | None = None,
) -> Iterator[tuple[slice, Array]]:
    """Yield re-ranked distances as `distance_blocks` yields distances, without holding (Q, G) or (N, N).

    (1 - lambda_) x the Jaccard distance of the k-reciprocal encodings + lambda_ x the squared distance as a share of
    the query's largest to any image (equations 9 to 12); `k1`, `k2`: see `encode`. Squared Euclidean distances are
    taken as they are, Euclidean and cosine ones are squared, as the paper and FastReID do.
    On a GPU, `device`, features, distances and encodings stay there: lists of neighbours and finished blocks come back.
    """
    queries = query.shape[0]
    if not (queries and gallery.shape[0]):
        yield from distance_blocks(query, gallery, metric, rows=rows)
        return
    inner = Distance.COSINE if metric is Distance.COSINE else Distance.SQUARED_EUCLIDEAN
    encoding = encode(np.concatenate([query, gallery]), k1=k1, k2=k2, metric=inner, device=device)
    shared = SharedWeights(encoding.rows[:queries], encoding.rows[queries:], device)
    scale = np.where(encoding.farthest > 0, encoding.farthest, 1)[:queries]
    for part, block in distance_blocks(query, gallery, inner, rows=rows, device=device):
        distances = squared(block, inner)

        def refine(stripe: slice, part: slice = part, distances: Array = distances) -> None:
            asked = slice(part.start + stripe.start, part.start + stripe.stop)
            common = shared.of(asked)
            jaccard = common.div_(2 - common).neg_().add_(1).mul_(1 - lambda_).cpu().numpy()
            distances[stripe] *= (lambda_ / scale[asked]).astype(distances.dtype)[:, None]
            distances[stripe] += jaccard

        with side_by_side(device) as (spread, _):
            for _done in spread(refine, stripes(len(distances), -(-len(distances) // _ROWS))):
                alive()
        yield part, distances
