"""One model, ready to be asked: embeddings, who is near in an index, and who it is; no web in here."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from orchestrator.service.errors import UsageError
from orchestrator.service.image_index.index import query_views
from orchestrator.service.image_index.views import IdentityView, QueryView
from orchestrator.service.served_model.batches import Batches, Busy
from orchestrator.service.served_model.pictures import PictureLimits, decoded
from orchestrator.service.served_model.spread import AskedSpread
from reid_core.data.sources import Pixels
from reid_core.embedder import Embedder, Rows
from reid_core.gallery.index import GalleryIndex, open_index
from reid_core.gallery.vectors import NOBODY

__all__ = ["Busy", "ModelService", "ModelSettings", "Rows"]

_LOOK_SECONDS = 1.0
"""How often the index's folder is looked at for a newer generation."""
_NEAR = 50
"""Nearest images among which `identify` looks for identities."""


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """How a model is served: batches of `max_batch` images at most after `max_delay` seconds, `queue` images waiting.

    `threshold` is a cosine distance; None takes the one kept with the index.
    """

    max_batch: int = 32
    max_delay: float = 0.005
    queue: int = 256
    threshold: float | None = None
    limits: PictureLimits = field(default_factory=PictureLimits)


class ModelService:
    """An embedder behind batches, and an index beside it. Safe for threads. Raises Conflict for a foreign index."""

    def __init__(self, embedder: Embedder, index: Path | None = None, settings: ModelSettings | None = None) -> None:
        self.settings = settings or ModelSettings()
        self.embedder = embedder
        self._index = open_index(index) if index is not None else None
        if self._index is not None:
            self._index.check_model(embedder.name)
        self._looked = time.monotonic()
        self._lock = threading.Lock()
        self.spread = AskedSpread(index) if index is not None else None
        embedder.embed(np.zeros((1, *embedder.size, 3), np.uint8))  # the first one is slow: not at a caller's cost
        self.batches = Batches(
            embedder.embed,
            most=self.settings.max_batch,
            delay=self.settings.max_delay,
            queue=self.settings.queue,
        )

    def close(self) -> None:
        """Finish what waits, write down what was asked."""
        self.batches.close()
        if self.spread is not None:
            self.spread.save()

    def pictures(self, images: Sequence[bytes]) -> Pixels:
        """Encoded pictures as (N, H, W, 3) at the model's size. Raises DataError, UsageError for none or too many."""
        if not 1 <= len(images) <= self.settings.limits.images:
            raise UsageError(f"{len(images)} images; a request takes 1 to {self.settings.limits.images}")
        limits = self.settings.limits
        return np.stack(
            [self.embedder.resized(decoded(data, limits, number)) for number, data in enumerate(images, start=1)]
        )

    def embed(self, pixels: Pixels) -> Future[Rows]:
        """Embeddings (N, D) to come. Raises Busy when too many wait."""
        return self.batches.submit(pixels)

    @property
    def index(self) -> GalleryIndex:
        """The index as it is now. Raises UsageError when there is none."""
        if self._index is None:
            raise UsageError("this service has no index", hint="start it with --index DIR")
        with self._lock:
            if time.monotonic() - self._looked > _LOOK_SECONDS:
                self._looked = time.monotonic()
                fresh = self._index.refreshed()
                fresh.check_model(self.embedder.name)
                self._index = fresh
            return self._index

    @property
    def maybe_index(self) -> GalleryIndex | None:
        """The same, or None where there is none."""
        return None if self._index is None else self.index

    def search(self, rows: Rows, top: int, *, rerank: bool = False) -> tuple[QueryView, ...]:
        """The `top` nearest of each row (N, D). Raises UsageError without an index."""
        index = self.index
        hits = index.reranked(rows, top) if rerank else index.search(rows, top)
        if self.spread is not None and not rerank:
            self.spread.saw(hits.distances[:, 0])
        return query_views(index, [str(row) for row in range(len(rows))], hits)

    def identify(self, rows: Rows, threshold: float | None = None) -> list[IdentityView]:
        """Who each row (N, D) is, or nobody known: the identity of the nearest image, if it is near enough.

        Raises UsageError without an index, or where neither the index nor anybody gave a threshold.
        """
        index, limit = self.index, self._limit(threshold)
        hits = index.search(rows, _NEAR)
        if self.spread is not None:
            self.spread.saw(hits.distances[:, 0])
        return [
            _identity(index, list(zip(*near, strict=True)), limit)
            for near in zip(hits.ids.tolist(), hits.distances.tolist(), strict=True)
        ]

    def _limit(self, threshold: float | None) -> float:
        given = self.settings.threshold if threshold is None else threshold
        if given is not None:
            return given
        kept = self.index.state.threshold
        if kept is None:
            hint = "`reid-tune index calibrate`, or --threshold DISTANCE"
            raise UsageError("nobody said up to which distance two images show the same identity", hint=hint)
        return kept.distance


def _identity(index: GalleryIndex, near: Sequence[tuple[int, float]], limit: float) -> IdentityView:
    """The nearest image that has an identity, and the next other one."""
    found: dict[str, tuple[float, str]] = {}
    for id_, distance in near:
        item = index.item(id_) if id_ != NOBODY else None
        if item is not None and item.pid:
            found.setdefault(item.pid, (distance, item.file))
        if len(found) == 2:
            break
    if not found:
        return IdentityView(pid=None, distance=None, threshold=limit)
    (pid, (distance, file)), *others = found.items()
    return IdentityView(
        pid=pid if distance <= limit else None,
        nearest=pid,
        distance=distance,
        file=file,
        threshold=limit,
        next_distance=others[0][1][0] if others else None,
    )
