"""What identities in an index tell: the distance up to which two images are one person, at a rate of false ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reid_core.data.records import NO_CAMERA
from reid_core.errors import DataError, Finding
from reid_core.evaluation.labels import Labels
from reid_core.gallery.index import GalleryIndex
from reid_core.gallery.items import Item
from reid_core.gallery.manifest import ThresholdMark
from reid_core.gallery.vectors import Floats, Ids

__all__ = ["calibrated", "calibrated_on", "labels_of_items"]

_QUERIES, _GALLERY = 1000, 20_000
_SEED = 5


@dataclass(frozen=True, slots=True, eq=False)
class _Labelled:
    """Images of known identities: vectors (G, D), identities and cameras as numbers, and which rows ask."""

    vectors: Floats
    labels: Labels
    asking: Ids


def labels_of_items(items: Sequence[Item], asking: Ids) -> Labels:
    """The labels of items, of which those `asking` are the queries too; cameras count where every item has one."""
    numbers = {pid: number for number, pid in enumerate(sorted({item.pid for item in items}))}
    pids = np.array([numbers[item.pid] for item in items], np.int64)
    camids = np.array([item.camid for item in items], np.int64)
    if (camids == NO_CAMERA).any() or np.unique(camids).size < 2:
        return Labels(pids[asking], pids, own_index=asking)
    return Labels(pids[asking], pids, camids[asking], camids)


def calibrated(index: GalleryIndex, fpr: float) -> ThresholdMark:
    """The largest distance between the index's own images that accepts at most a share `fpr` of false pairs.

    Raises DataError without labelled pairs of both kinds.
    """
    rows = list(index.rows())
    items = [item for _, item in rows]
    drawn = _drawn(items)
    ids = np.array([rows[row][0] for row in drawn], np.int64)
    found = _labelled(index.vectors(ids), [items[row] for row in drawn])
    source = f"{found.asking.size} queries and {ids.size} images of the index"
    return _threshold(found, fpr, source, str(index.folder))


def calibrated_on(vectors: Floats, items: Sequence[Item], fpr: float, name: str) -> ThresholdMark:
    """The same between other images than the index's, those of `name`: vectors (G, D) of unit length, and their items.

    Raises DataError without labelled pairs of both kinds.
    """
    drawn = _drawn(items)
    found = _labelled(vectors[drawn], [items[row] for row in drawn])
    source = f"{found.asking.size} queries and {drawn.size} images of {name}"
    return _threshold(found, fpr, source, name).model_copy(update={"kept": True})


def _drawn(items: Sequence[Item]) -> Ids:
    """Rows of at most 20,000 items with an identity, ascending."""
    known = np.array([row for row, item in enumerate(items) if item.pid], np.int64)
    if known.size > _GALLERY:
        known = np.sort(np.random.default_rng(_SEED).choice(known, _GALLERY, replace=False))
    return known


def _labelled(vectors: Floats, items: Sequence[Item]) -> _Labelled:
    """At most 1,000 of the items ask."""
    drawn = np.random.default_rng(_SEED)
    asking = np.sort(drawn.choice(len(items), min(_QUERIES, len(items)), replace=False)).astype(np.int64)
    return _Labelled(vectors, labels_of_items(items, asking), asking)


def _threshold(found: _Labelled, fpr: float, source: str, name: str) -> ThresholdMark:
    """Pairs follow the retrieval protocol (`evaluation.roc`)."""
    from reid_core.evaluation.roc import roc  # noqa: PLC0415 - it loads torch

    pairs = roc(found.vectors[found.asking], found.vectors, found.labels, max_fpr=fpr) if found.asking.size else None
    if pairs is None or not pairs.positives.size or not pairs.negative_pairs:
        message = "no threshold without identities: some images of the same one (by two cameras) and some of others"
        raise DataError(Finding("no-identities", message, file=name, hint="give pids in a manifest.csv"))
    accepted = pairs.positives[: round(float(pairs.tpr_at([fpr])[0]) * pairs.positives.size)]
    allowed = int(fpr * pairs.negative_pairs)
    bounds = [float(part[-1]) for part in (accepted, pairs.negatives[:allowed]) if part.size]
    distance = max(bounds, default=float(np.nextafter(pairs.negatives[0], 0)))
    tpr = float((pairs.positives <= distance).mean())
    return ThresholdMark(distance=distance, fpr=fpr, tpr=tpr, source=source)
