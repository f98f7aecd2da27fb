"""Deep spatial feature reconstruction (DSR; He et al., CVPR 2018): how badly one image's parts explain another's.

Each image is a set of local features. Those of the query, unit vectors x, are rebuilt from those of the gallery image,
the columns of Y, by regularised least squares: w = argmin |x - Y w|^2 + beta |w|^2 (equation 2). The distance is the
mean of |x - Y w| over x. Nothing has to be aligned: a part of a person finds the whole.

With the eigenvalues s and eigenvectors U of Y'Y, |x - Y w|^2 = |x|^2 - |B'x|^2 for
B = Y U diag(sqrt(s + 2 beta) / (s + beta)): the least squares are solved once for a gallery image, and a pair costs
one product. That is still 1,000 times a product of embeddings, so only the nearest are compared, as FastReID does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch

from reid_core.evaluation.distance import Array, Distance, distance_blocks, unit_rows
from reid_core.evaluation.labels import Integers

__all__ = ["BETA", "dsr_blocks", "dsr_distance"]

BETA = 0.001
"""The weight of the regularisation, as in the authors' code."""


def dsr_distance(query: Array, gallery: Array, *, beta: float = BETA) -> Array:
    """DSR distances (Q, G), in [0, 1], of local features (Q, n, D) to (G, m, D), which are scaled to unit length."""
    images = gallery.shape[0]
    everyone = np.tile(np.arange(images), (query.shape[0], 1))
    return _reconstruction_errors(query, [(slice(0, images), gallery)], everyone, beta)


def dsr_blocks(
    query: Array,
    gallery: Array,
    query_parts: Array,
    gallery_parts: Iterable[tuple[slice, Array]],
    *,
    top: int,
    beta: float = BETA,
) -> Iterator[tuple[slice, Array]]:
    """Yield distances as `distance_blocks` does: DSR for the `top` nearest by cosine, and 1 + cosine for those behind.

    `query` (Q, D) and `gallery` (G, D) are embeddings, `query_parts` (Q, n, E) local features; `gallery_parts` yields
    (positions in the gallery, local features (g, m, E)) and is read once: those of a whole gallery may be too many
    to hold.
    """
    nearest = [_nearest(block, top) for _, block in distance_blocks(query, gallery, Distance.COSINE)]
    if not nearest:
        return
    candidates = np.concatenate(nearest)
    errors = _reconstruction_errors(query_parts, gallery_parts, candidates, beta)
    for part, block in distance_blocks(query, gallery, Distance.COSINE):
        distances = np.add(np.maximum(block, 0, out=block), 1, out=block)
        np.put_along_axis(distances, candidates[part], errors[part].astype(block.dtype, copy=False), axis=1)
        yield part, distances


def _nearest(block: Array, top: int) -> Integers:
    count = min(top, block.shape[1])
    return torch.topk(torch.from_numpy(block), count, dim=1, largest=False).indices.numpy()


def _reconstruction_errors(
    query: Array, gallery: Iterable[tuple[slice, Array]], candidates: Integers, beta: float
) -> Array:
    """DSR distances (Q, k) to the gallery positions `candidates` (Q, k)."""
    parts = _unit_parts(query)
    squares = np.einsum("qnd,qnd->qn", parts, parts)  # 1, and 0 for a feature of zeros
    order = np.argsort(candidates, axis=None, kind="stable")
    askers, targets = order // max(candidates.shape[1], 1), candidates.ravel()[order]
    errors = np.zeros(candidates.size, query.dtype)
    for place, features in gallery:
        for image, basis in enumerate(_bases(features, beta).astype(query.dtype), start=place.start):
            pairs = slice(*np.searchsorted(targets, [image, image + 1]))
            asking = askers[pairs]
            rebuilt = np.square(parts[asking] @ basis).sum(axis=2)
            errors[order[pairs]] = np.sqrt(np.maximum(squares[asking] - rebuilt, 0)).mean(axis=1)
    return errors.reshape(candidates.shape)


def _bases(features: Array, beta: float) -> Array:
    """B (g, D, m) of local features (g, m, D), float64: pooled features repeat, and Y'Y is all but singular."""
    columns = _unit_parts(features.astype(np.float64)).swapaxes(1, 2)
    values, vectors = np.linalg.eigh(columns.swapaxes(1, 2) @ columns)
    values = np.maximum(values, 0)
    bases: Array = (columns @ vectors) * (np.sqrt(values + 2 * beta) / (values + beta))[:, None, :]
    return bases


def _unit_parts(features: Array) -> Array:
    return unit_rows(features.reshape(-1, features.shape[-1])).reshape(features.shape)
