"""Images grouped by their embeddings alone: the labels of an epoch.

DBSCAN (Ester et al., KDD 1996) on the Jaccard distance of k-reciprocal neighbourhoods, as SpCL (Ge et al., NeurIPS
2020) and Cluster Contrast (Dai et al., ACCV 2022) do. Only pairs within the radius are kept: no N x N matrix.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from sklearn.cluster import DBSCAN  # type: ignore[import-untyped]  # it ships no types

from reid_core.config.schema.adaptation import Adaptation
from reid_core.data.records import NO_CAMERA, Labels
from reid_core.errors import ConfigError, Finding
from reid_core.evaluation import Distance, distance_blocks, neighbours, unit_rows
from reid_core.evaluation.reciprocal import SharedWeights, encode

__all__ = ["OUTLIER", "Clusters", "camera_centred", "cluster", "within"]

OUTLIER = -1
"""The label of an image in no cluster."""

_ROWS = 32  # of the matrix of distances at once
_MOST_PAIRS = 50_000_000
"""Neighbours that are held in memory: a hundred bytes and more each while they are sorted."""

_Rows = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Clusters:
    """The cluster (N,) of each image, from 0, OUTLIER where it is in none; `fallback`: DBSCAN found less than two."""

    labels: Labels
    fallback: bool = False

    @property
    def count(self) -> int:
        """How many there are, two or more."""
        return int(self.labels.max()) + 1


def cluster(embeddings: _Rows, camids: Labels, settings: Adaptation) -> Clusters:
    """Cluster embeddings (N, D), two or more, of images taken by cameras (N,). A function of its arguments.

    Where DBSCAN finds less than two clusters, nothing could be told apart: then every image goes with its nearest one
    (the connected components of first neighbours, as in FINCH, Sarfraz et al., CVPR 2019), and where that leaves less
    than two, every image is a cluster of its own. Raises ConfigError as `within` does.
    """
    features = unit_rows(embeddings)
    if settings.cameras != "none":
        features = camera_centred(features, camids)
    near = within(features, settings)
    found = DBSCAN(eps=settings.radius, min_samples=settings.min_samples, metric="precomputed").fit(near).labels_
    labels = found.astype(np.int64)
    if labels.max() >= 1:
        return Clusters(labels)
    paired = _first_neighbours(features)
    return Clusters(paired if paired.max() >= 1 else np.arange(len(features)), fallback=True)


def camera_centred(features: _Rows, camids: Labels) -> _Rows:
    """Features (N, D) minus the mean of those of their camera (N,), of unit length; unknown cameras count as one."""
    known = np.where(camids > NO_CAMERA, camids, NO_CAMERA)
    _, group, counts = np.unique(known, return_inverse=True, return_counts=True)
    sums = np.zeros((len(counts), features.shape[1]), np.float64)
    np.add.at(sums, group, features)
    centred: _Rows = unit_rows(features - (sums / counts[:, None])[group].astype(features.dtype))
    return centred


def within(features: _Rows, settings: Adaptation) -> sparse.csr_array:
    """The distances up to EPS between features (N, D) of unit length, as a sparse symmetric matrix (N, N).

    Raises ConfigError where there are more than memory should hold.
    """
    count, held = len(features), 0
    blocks = (
        distance_blocks(features, features, Distance.COSINE)
        if settings.metric == "cosine"
        else _jaccard(features, settings)
    )
    rows, columns, values = [], [], []
    for part, block in blocks:
        near = block <= settings.radius
        near[np.arange(len(block)), np.arange(part.start, part.stop)] = True
        held += int(np.count_nonzero(near))
        if held > _MOST_PAIRS:
            raise _too_many(settings, part.stop, count)
        row, column = np.nonzero(near)
        rows.append(row + part.start)
        columns.append(column)
        values.append(np.maximum(block[row, column], 0))
    places = (np.concatenate(rows), np.concatenate(columns))
    # rounding may put a pair on both sides of the radius: each counts at its smaller distance
    return _smaller(sparse.csr_array((np.concatenate(values).astype(np.float64), places), shape=(count, count)))


def _smaller(one_way: sparse.csr_array) -> sparse.csr_array:
    """The smaller of the entries (i, j) and (j, i), or the one that is there."""
    closeness = one_way.copy()
    closeness.data = 3 - closeness.data  # no distance is above 2, so that none becomes an absent entry
    both = closeness.maximum(closeness.T).tocsr()
    both.data = 3 - both.data
    both.sort_indices()
    return both


def _too_many(settings: Adaptation, images: int, count: int) -> ConfigError:
    key = "TASK.ADAPTATION.EPS"
    message = (
        f"within {settings.radius:g} ({key}, {settings.metric}) the first {images} of {count} images alone have more "
        f"than {_MOST_PAIRS // 1_000_000} million neighbours: nearly all are alike, and memory would not hold them"
    )
    return ConfigError(Finding("too-many-neighbours", message, hint=f"lower {key}", key=key))


def _jaccard(features: _Rows, settings: Adaptation) -> Iterator[tuple[slice, npt.NDArray[np.float64]]]:
    """Jaccard distances (rows, N) of some rows at a time: 1 - sum of minima / sum of maxima (Zhong et al. 2017)."""
    rows = encode(features, k1=settings.k1, k2=settings.k2, metric=Distance.COSINE).rows.astype(np.float64)
    weights = SharedWeights(rows, rows, None)
    for start in range(0, len(features), _ROWS):
        part = slice(start, min(start + _ROWS, len(features)))
        shared: npt.NDArray[np.float64] = weights.of(part).numpy()
        yield part, 1 - shared / (2 - shared)


def _first_neighbours(features: _Rows) -> Labels:
    """Components (N,) of the graph that joins each image to its nearest."""
    count = len(features)
    nearest = neighbours(features, 2).indices[:, -1]
    links = sparse.csr_array((np.ones(count), (np.arange(count), nearest)), shape=(count, count))
    labels: Labels = connected_components(links, directed=False)[1].astype(np.int64)
    return labels
