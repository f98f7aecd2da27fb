"""What identities in an index tell: the distance up to which two images are one person, at a rate of false ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reid_core.data.records import NO_CAMERA
from reid_core.errors import DataError, Finding
from reid_core.evaluation.labels import Labels
from reid_core.gallery.index import GalleryIndex
from reid_core.gallery.items import Item
from reid_core.gallery.manifest import ThresholdMark
from reid_core.gallery.vectors import Floats, Ids

__all__ = ["Labelled", "calibrated", "drawn_labelled", "labels_of_items"]

_QUERIES, _GALLERY = 1000, 20_000
_SEED = 5


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """Items of known identities: ids and vectors (G, D), identities and cameras as numbers, and which rows ask."""

    ids: Ids
    vectors: Floats
    labels: Labels
    asking: Ids


def drawn_labelled(index: GalleryIndex) -> Labelled | None:
    """A sample of at most 20,000 items with an identity, 1,000 of them queries; None with fewer than two identities."""
    drawn = np.random.default_rng(_SEED)
    known = [(id_, item) for id_, item in index.rows() if item.pid]
    if len(known) > _GALLERY:
        known = [known[row] for row in np.sort(drawn.choice(len(known), _GALLERY, replace=False))]
    items = [item for _, item in known]
    if len({item.pid for item in items}) < 2:
        return None
    asking = np.sort(drawn.choice(len(items), min(_QUERIES, len(items)), replace=False))
    ids = np.array([id_ for id_, _ in known], np.int64)
    return Labelled(ids, index.vectors(ids), labels_of_items(items, asking), asking)


def labels_of_items(items: list[Item], asking: Ids) -> Labels:
    """The labels of items, of which those `asking` are the queries too; cameras count where every item has one."""
    numbers = {pid: number for number, pid in enumerate(sorted({item.pid for item in items}))}
    pids = np.array([numbers[item.pid] for item in items], np.int64)
    camids = np.array([item.camid for item in items], np.int64)
    if (camids == NO_CAMERA).any() or np.unique(camids).size < 2:
        return Labels(pids[asking], pids, own_index=asking)
    return Labels(pids[asking], pids, camids[asking], camids)


def calibrated(index: GalleryIndex, fpr: float) -> ThresholdMark:
    """The largest distance between the index's own images that accepts at most a share `fpr` of false pairs.

    Pairs follow the retrieval protocol (`evaluation.roc`). Raises DataError without labelled pairs of both kinds.
    """
    from reid_core.evaluation.roc import roc  # noqa: PLC0415 - it loads torch

    found = drawn_labelled(index)
    if found is not None:
        pairs = roc(found.vectors[found.asking], found.vectors, found.labels, max_fpr=fpr)
    if found is None or not pairs.positives.size or not pairs.negative_pairs:
        message = "no threshold without identities: some images of the same one (by two cameras) and some of others"
        raise DataError(Finding("no-identities", message, file=str(index.folder), hint="give pids in a manifest.csv"))
    accepted = pairs.positives[: round(float(pairs.tpr_at([fpr])[0]) * pairs.positives.size)]
    allowed = int(fpr * pairs.negative_pairs)
    bounds = [float(part[-1]) for part in (accepted, pairs.negatives[:allowed]) if part.size]
    distance = max(bounds, default=float(np.nextafter(pairs.negatives[0], 0)))
    tpr = float((pairs.positives <= distance).mean())
    source = f"{found.asking.size} queries and {found.ids.size} images of the index"
    return ThresholdMark(distance=distance, fpr=fpr, tpr=tpr, source=source)
