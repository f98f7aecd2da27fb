"""Two models side by side: the same images in an index of each, and whether they find the same."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reid_core.errors import DataError, Finding
from reid_core.gallery.index import GalleryIndex
from reid_core.gallery.items import Item, places
from reid_core.gallery.labelled import labels_of_items
from reid_core.gallery.vectors import Block, Floats, Ids, exact

__all__ = ["Agreement", "agreement"]

_QUERIES, _FILES = 1000, 20_000
_SEED = 5


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two indexes over `files` that both hold, asked with `queries` of them, each by its own vectors, exactly.

    `overlap`: the mean share of the `k` nearest that both find; `first`: the share of queries whose nearest is the
    same; `metrics`: mAP, mINP and CMC of each where identities are known, None where they are not.
    """

    files: int
    queries: int
    k: int
    overlap: float
    first: float
    metrics: tuple[dict[str, float], dict[str, float]] | None


def agreement(left: GalleryIndex, right: GalleryIndex, k: int = 10) -> Agreement:
    """Compare two indexes on a sample of the files that both hold: 20,000 at most, 1,000 of them queries.

    A file is the same however its path is spelled, relative ones from the working folder. Identities and
    cameras are those of `left`. Raises DataError when they share fewer than two files.
    """
    first, second = (_by_place(one) for one in (left, right))
    shared = sorted(first.keys() & second.keys())
    if len(shared) < 2:
        message = f"they share {len(shared)} files: the same images must be in both"
        raise DataError(Finding("nothing-shared", message, file=f"{left.folder}, {right.folder}"))
    drawn = np.random.default_rng(_SEED)
    if len(shared) > _FILES:
        shared = [shared[row] for row in np.sort(drawn.choice(len(shared), _FILES, replace=False))]
    asking = np.sort(drawn.choice(len(shared), min(_QUERIES, len(shared)), replace=False))
    rows = [
        index.vectors(np.array([side[file][0] for file in shared], np.int64))
        for index, side in ((left, first), (right, second))
    ]
    depth = min(k, len(shared) - 1)
    near = [_others(vectors, asking, depth) for vectors in rows]
    overlap = [len(set(a) & set(b)) / depth for a, b in zip(near[0].tolist(), near[1].tolist(), strict=True)]
    items = [first[file][1] for file in shared]
    return Agreement(
        files=len(shared),
        queries=len(asking),
        k=depth,
        overlap=float(np.mean(overlap)),
        first=float((near[0][:, 0] == near[1][:, 0]).mean()),
        metrics=_metrics(rows, items, asking),
    )


def _by_place(index: GalleryIndex) -> dict[str, tuple[int, Item]]:
    """Id and item of each file."""
    rows = [(id_, item) for id_, item in index.rows() if item.file]
    return dict(zip(places(item.file for _, item in rows), rows, strict=True))


def _others(vectors: Floats, asking: Ids, depth: int) -> Ids:
    """For each asking row the `depth` nearest rows (Q, depth) but itself."""
    positions = np.arange(len(vectors), dtype=np.int64)
    hits = exact(vectors[asking], [Block(vectors, positions, positions[:0])], depth + 1).ids
    return np.stack([row[row != own][:depth] for row, own in zip(hits, asking, strict=True)])


def _metrics(rows: list[Floats], items: list[Item], asking: Ids) -> tuple[dict[str, float], dict[str, float]] | None:
    """Of both models, over the images whose identity is known; None where no query has a match."""
    from reid_core.evaluation.metrics import retrieval_metrics  # noqa: PLC0415 - it loads torch
    from reid_core.evaluation.ranking import rank  # noqa: PLC0415

    known = np.array([row for row, item in enumerate(items) if item.pid], np.int64)
    queries = np.flatnonzero(np.isin(known, asking))
    labels = labels_of_items([items[row] for row in known], queries)
    if not any(labels.split(query, same)[0].size for query, same in enumerate(labels.same_identity())):
        return None
    left, right = (rank(vectors[known[queries]], vectors[known], labels) for vectors in rows)
    return retrieval_metrics(left), retrieval_metrics(right)
