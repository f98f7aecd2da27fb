"""What identities in an index tell: the distance up to which two images are one person, at a rate of false ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reid_core.data.records import NO_CAMERA
from reid_core.errors import DataError, Finding
from reid_core.evaluation.labels import Labels
from reid_core.gallery.index import GalleryIndex
from reid_core.gallery.items import Item
from reid_core.gallery.manifest import ThresholdMark
from reid_core.gallery.vectors import Floats, Ids

__all__ = ["calibrated", "drawn_labelled", "labels_of_items", "threshold_between"]

_QUERIES, _GALLERY = 1000, 20_000
_SEED = 5


def labels_of_items(items: Sequence[Item], asking: Ids) -> Labels:
    """The labels of items, of which those `asking` are the queries too; cameras count where every item has one."""
    numbers = {pid: number for number, pid in enumerate(sorted({item.pid for item in items}))}
    pids = np.array([numbers[item.pid] for item in items], np.int64)
    camids = np.array([item.camid for item in items], np.int64)
    if (camids == NO_CAMERA).any() or np.unique(camids).size < 2:
        return Labels(pids[asking], pids, own_index=asking)
    return Labels(pids[asking], pids, camids[asking], camids)


def drawn_labelled(items: Sequence[Item]) -> Ids:
    """Rows of at most 20,000 items with an identity, ascending."""
    known = np.array([row for row, item in enumerate(items) if item.pid], np.int64)
    if known.size > _GALLERY:
        known = np.sort(np.random.default_rng(_SEED).choice(known, _GALLERY, replace=False))
    return known


def calibrated(index: GalleryIndex, fpr: float) -> ThresholdMark:
    """The threshold between the index's own images. Raises DataError without labelled pairs of both kinds."""
    rows = list(index.rows())
    drawn = [rows[row] for row in drawn_labelled([item for _, item in rows])]
    vectors = index.vectors(np.array([id_ for id_, _ in drawn], np.int64))
    return threshold_between(vectors, [item for _, item in drawn], fpr, "the index", file=str(index.folder))


def threshold_between(
    vectors: Floats, items: Sequence[Item], fpr: float, name: str, *, file: str = ""
) -> ThresholdMark:
    """The largest distance between images of known identities that accepts at most a share `fpr` of false pairs.

    `vectors` are (G, D), of unit length, `items` theirs; at most 1,000 of them ask. `name` says which images these are,
    `file` where they are found. Pairs follow the retrieval protocol (`evaluation.roc`). Raises DataError without pairs
    of both kinds.
    """
    from reid_core.evaluation.roc import roc  # noqa: PLC0415 - it loads torch

    count = len(items)
    chosen = np.random.default_rng(_SEED).choice(count, min(_QUERIES, count), replace=False)
    asking = np.sort(chosen).astype(np.int64)
    pairs = roc(vectors[asking], vectors, labels_of_items(items, asking), max_fpr=fpr) if count else None
    if pairs is None or not pairs.positives.size or not pairs.negative_pairs:
        message = "no threshold without identities: some images of the same one (by two cameras) and some of others"
        raise DataError(Finding("no-identities", message, file=file or name, hint="give pids in a manifest.csv"))
    accepted = pairs.positives[: round(float(pairs.tpr_at([fpr])[0]) * pairs.positives.size)]
    allowed = int(fpr * pairs.negative_pairs)
    bounds = [float(part[-1]) for part in (accepted, pairs.negatives[:allowed]) if part.size]
    distance = max(bounds, default=float(np.nextafter(pairs.negatives[0], 0)))
    tpr = float((pairs.positives <= distance).mean())
    return ThresholdMark(
        distance=distance, fpr=fpr, tpr=tpr, source=f"{asking.size} queries and {count} images of {name}"
    )
