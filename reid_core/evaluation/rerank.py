"""k-reciprocal re-ranking (Zhong et al., CVPR 2017): distances that also ask who else the two are close to."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from reid_core.evaluation.distance import Array, Distance, distance_blocks
from reid_core.evaluation.reciprocal import encode, shared_weights, squared

__all__ = ["rerank", "rerank_blocks"]


def rerank(
    query: Array,
    gallery: Array,
    *,
    k1: int = 20,
    k2: int = 6,
    lambda_: float = 0.3,
    metric: Distance = Distance.COSINE,
) -> Array:
    """Re-ranked distances (Q, G) of query (Q, D) to gallery (G, D); see `rerank_blocks`."""
    distances = np.empty((query.shape[0], gallery.shape[0]), np.result_type(query, gallery))
    for part, block in rerank_blocks(query, gallery, k1=k1, k2=k2, lambda_=lambda_, metric=metric):
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
) -> Iterator[tuple[slice, Array]]:
    """Yield re-ranked distances as `distance_blocks` yields distances, without holding (Q, G) or (N, N).

    (1 - lambda_) x the Jaccard distance of the k-reciprocal encodings + lambda_ x the squared distance as a share of
    the query's largest to any image (equations 9 to 12); `k1`, `k2`: see `encode`. Squared Euclidean distances are
    taken as they are, Euclidean and cosine ones are squared, as the paper and FastReID do.
    """
    queries = query.shape[0]
    if not (queries and gallery.shape[0]):
        yield from distance_blocks(query, gallery, metric, rows=rows)
        return
    inner = Distance.COSINE if metric is Distance.COSINE else Distance.SQUARED_EUCLIDEAN
    encoding = encode(np.concatenate([query, gallery]), k1=k1, k2=k2, metric=inner)
    asking, answering = encoding.rows[:queries], encoding.rows[queries:].tocsc()
    scale = np.where(encoding.farthest > 0, encoding.farthest, 1)[:queries]
    for part, block in distance_blocks(query, gallery, inner, rows=rows):
        distances = squared(block, inner)
        distances *= (lambda_ / scale[part]).astype(block.dtype)[:, None]
        for place, number in enumerate(range(part.start, part.stop)):
            start, stop = asking.indptr[number], asking.indptr[number + 1]
            shared = shared_weights(asking.indices[start:stop], asking.data[start:stop], answering)
            distances[place] += (1 - lambda_) * (1 - shared / (2 - shared))
        yield part, distances
