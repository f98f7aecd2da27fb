"""Embeddings laid out on a plane: PCA, t-SNE (van der Maaten and Hinton 2008) and UMAP (McInnes et al. 2018)."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
import numpy.typing as npt

from reid_core.evaluation.distance import Array, unit_rows

__all__ = ["METHODS", "chosen_points", "embedding_maps", "missing_method"]

METHODS = ("pca", "tsne", "umap")
_DIMENSIONS = 50  # van der Maaten and Hinton, section 4: PCA first
_PERPLEXITY = 30.0
_FEWEST = 5
_SMALL = 500  # features or numbers in each: below it PCA is computed in full

Plane = npt.NDArray[np.float32]


def chosen_points(count: int, most: int, seed: int = 0) -> npt.NDArray[np.int64]:
    """At most `most` of `count` positions, drawn without replacement, ascending."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, most, replace=False))


def missing_method(method: str) -> str:
    """Why a method cannot be computed here; empty when it can."""
    if method == "umap" and find_spec("umap") is None:
        return "UMAP is not installed here: pip install umap-learn"
    return ""


def embedding_maps(
    features: Array, *, seed: int = 0, progress: Callable[[int, int], None] | None = None
) -> dict[str, Plane]:
    """Places (N, 2), each axis in [0, 1], of features (N, D) by cosine, for every method that is installed.

    The same features and seed give the same places on one machine. `progress` hears (methods done, methods). Fewer
    than five features have a PCA only; without any there is no map.
    """
    rows = unit_rows(np.asarray(features, np.float32))
    if not len(rows):
        return {}
    methods = {"pca": _pca, "tsne": _tsne, "umap": _umap}
    wanted = [name for name in METHODS if not missing_method(name)] if len(rows) >= _FEWEST else ["pca"]
    found: dict[str, Plane] = {}
    for done, name in enumerate(wanted, start=1):
        found[name] = _framed(methods[name](rows, seed))
        if progress is not None:
            progress(done, len(wanted))
    return found


def _pca(rows: Array, seed: int, dimensions: int = 2) -> Array:
    from sklearn.decomposition import PCA  # type: ignore[import-untyped]  # noqa: PLC0415 - slow to import

    if len(rows) == 1:
        return np.zeros((1, 2), rows.dtype)
    kept = min(dimensions, *rows.shape)
    made: Array = PCA(
        kept, svd_solver="full" if min(rows.shape) < 500 else "randomized", random_state=seed
    ).fit_transform(rows)
    return np.pad(made, ((0, 0), (0, max(0, 2 - kept))))


def _tsne(rows: Array, seed: int) -> Array:
    from sklearn.manifold import TSNE  # type: ignore[import-untyped]  # noqa: PLC0415 - slow to import

    perplexity = min(_PERPLEXITY, (len(rows) - 1) / 3)
    reduced = _pca(rows, seed, _DIMENSIONS)
    made: Array = TSNE(2, perplexity=perplexity, init="pca", random_state=seed, n_jobs=1).fit_transform(reduced)
    return made


def _umap(rows: Array, seed: int) -> Array:
    import umap  # type: ignore[import-not-found]  # noqa: PLC0415 - optional

    made: Array = umap.UMAP(n_neighbors=min(15, len(rows) - 1), metric="cosine", random_state=seed).fit_transform(rows)
    return made


def _framed(places: Array) -> Plane:
    """The same picture within [0, 1] x [0, 1], its centre in the middle; both axes keep one scale."""
    low, high = places.min(axis=0), places.max(axis=0)
    span = float((high - low).max()) or 1.0
    framed: Plane = ((places - (low + high) / 2) / span + 0.5).astype(np.float32)
    return framed
