"""Re-ranking and query expansion as they are commonly written: dense N x N matrices and Python loops over images.

Oracles and peers of the benchmarks; their cost grows with N squared, so they are measured on a part.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["dense_rerank", "plain_expansion"]

Numbers = npt.NDArray[np.floating]


def dense_rerank(query: Numbers, gallery: Numbers, *, k1: int, k2: int, lambda_: float) -> Numbers:
    """k-reciprocal re-ranking of cosine distances with a dense encoding (Zhong et al., CVPR 2017)."""
    units = _units(np.concatenate([query, gallery]))
    squares = (1 - units @ units.T) ** 2
    np.fill_diagonal(squares, 0)
    shares = squares / squares.max(axis=1, keepdims=True)
    nearest = np.argsort(shares, axis=1)[:, : max(k1 + 1, k2)]
    half = round(k1 / 2) + 1
    dense = np.zeros_like(shares)
    for image in range(len(units)):
        ring = _mutual(nearest, image, k1 + 1)
        members = ring
        for other in ring:
            brought = _mutual(nearest, other, half)
            if 3 * np.intersect1d(brought, ring).size > 2 * brought.size:
                members = np.union1d(members, brought)
        weights = np.exp(-shares[image, members])
        dense[image, members] = weights / weights.sum()
    if k2 > 1:
        dense = np.stack([dense[near[:k2]].mean(axis=0) for near in nearest])
    jaccard = np.empty((len(query), len(units)), dense.dtype)
    holders = [np.flatnonzero(column) for column in dense.T]
    for image in range(len(query)):
        overlap = np.zeros(len(units), dense.dtype)
        for member in np.flatnonzero(dense[image]):
            others = holders[member]
            overlap[others] += np.minimum(dense[image, member], dense[others, member])
        jaccard[image] = 1 - overlap / (2 - overlap)
    refined: Numbers = (1 - lambda_) * jaccard + lambda_ * shares[: len(query)]
    return refined[:, len(query) :]


def _mutual(nearest: npt.NDArray[np.int64], image: int, count: int) -> npt.NDArray[np.int64]:
    mine = nearest[image, :count]
    mutual: npt.NDArray[np.int64] = mine[(nearest[mine, :count] == image).any(axis=1)]
    return mutual


def plain_expansion(query: Numbers, gallery: Numbers, *, k: int, alpha: float) -> Numbers:
    """Alpha query expansion of both, one image at a time from all N x N cosines."""
    features = np.concatenate([query, gallery])
    units = _units(features)
    expanded = []
    for cosines in units @ units.T:
        nearest = np.argpartition(-cosines, range(1, k + 1))[:k]
        expanded.append((features[nearest] * cosines[nearest, None] ** alpha).mean(axis=0))
    return np.stack(expanded)


def _units(features: Numbers) -> Numbers:
    units: Numbers = features / np.linalg.norm(features, axis=1, keepdims=True)
    return units
