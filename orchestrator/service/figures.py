"""Numbers over the whole service, for monitoring: cheap enough to be asked every few seconds."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.control.lease import SECONDS
from orchestrator.events import StudyStatus
from orchestrator.service.counts import StudyCounts
from orchestrator.service.daemon import record
from orchestrator.service.processes import controller_of
from orchestrator.service.service import Service
from orchestrator.service.tracking import CURSOR
from orchestrator.store import StudyRow
from orchestrator.tracking.projection import sqlite_path

__all__ = ["Figures", "RunningStudy", "ServiceFigures"]


@dataclass(frozen=True, slots=True)
class RunningStudy:
    """A study that runs now. Ages in seconds, lag in events; None: unknown."""

    name: str
    counts: StudyCounts
    heartbeat_age: float | None
    tracking_lag: int


@dataclass(frozen=True, slots=True)
class ServiceFigures:
    """Everything at once. Sizes in bytes; `slots` is None where nobody shares them out."""

    by_status: dict[str, int]
    running: tuple[RunningStudy, ...]
    queued: int
    slots: int | None
    slots_used: int
    started: int
    ended: dict[tuple[str, str], int] = field(default_factory=dict)
    epochs: int = 0
    store_bytes: int | None = None
    disk_free: int = 0
    archived: int = 0


class Figures:
    """Reads them; what a resting study adds up to is counted once."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._counts: dict[str, StudyCounts] = {}

    def read(self) -> ServiceFigures:
        """The figures now. Raises what the store raises."""
        rows = self._service.store.studies()
        counts = {row.id: self._counted(row) for row in rows}
        self._counts = counts  # those of deleted studies are forgotten
        by_status = Counter({status.value: 0 for status in StudyStatus})
        running: list[RunningStudy] = []
        for row in rows:
            found = self._running(row, counts[row.id]) if row.status is StudyStatus.RUNNING else None
            if found is not None:
                running.append(found)
            interrupted = row.status is StudyStatus.RUNNING and found is None
            by_status[(StudyStatus.INTERRUPTED if interrupted else row.status).value] += 1
        ended: Counter[tuple[str, str]] = Counter()
        for one in counts.values():
            ended.update(dict(one.ended))
        return ServiceFigures(
            by_status=dict(by_status),
            running=tuple(running),
            queued=by_status[StudyStatus.QUEUED.value],
            slots=self._slots(),
            slots_used=sum(one.counts.running for one in running),
            started=sum(one.started for one in counts.values()),
            ended=dict(ended),
            epochs=sum(one.epochs for one in counts.values()),
            store_bytes=_size(self._service.home.store),
            disk_free=shutil.disk_usage(self._service.home.root).free,
            archived=sum(row.archived for row in rows),
        )

    def _counted(self, row: StudyRow) -> StudyCounts:
        known = self._counts.get(row.id)
        return known if known is not None and known.seq >= row.seq else self._service.counts(row)

    def _running(self, row: StudyRow, counts: StudyCounts) -> RunningStudy | None:
        """None when its controller is gone."""
        store = self._service.store
        holder, now = controller_of(store, row.id), store.now()
        if holder is None:
            return None
        lag = max(0, store.last_seq(row.id) - store.cursor(row.id, CURSOR))
        return RunningStudy(row.name, counts, max(0.0, now - (holder.expires - SECONDS)), lag)

    def _slots(self) -> int | None:
        daemon = record.read(self._service.home)
        return None if daemon is None else daemon.slots


def _size(store: Path | str) -> int | None:
    """Bytes of a store in files; None for a database server."""
    place = store if isinstance(store, Path) else sqlite_path(store)
    if place is None:
        return None
    files = [place, *(place.with_name(place.name + end) for end in ("-wal", "-shm"))]
    return sum(one.stat().st_size for one in files if one.exists())
