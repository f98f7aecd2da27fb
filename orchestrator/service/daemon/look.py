"""How the service stands, read from its state file and the store: no answer of the daemon itself is needed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from orchestrator.events import StudyState, StudyStatus
from orchestrator.service import progress
from orchestrator.service.daemon import record
from orchestrator.service.daemon.record import Record
from orchestrator.service.daemon.view import DaemonView, QueuedView, ServedView, TroubleView
from orchestrator.service.home import Home
from orchestrator.service.processes import living
from orchestrator.store import Store, StudyRow

__all__ = ["look"]

_HOUR = 3600.0


def look(home: Home, store: Store, state_of: Callable[[str], StudyState]) -> DaemonView:
    """The service with everything that runs or waits in this home, whoever started it."""
    now, found = time.time(), record.read(home)
    killed = record.read(home, dead=True) if found is None else None
    rows = store.studies()
    running: list[ServedView] = []
    for row in reversed(rows):
        owner = living(store, row.id) if row.status is StudyStatus.RUNNING else ""
        waits = killed is not None and row.status is StudyStatus.RUNNING and store.granted(row.id) is not None
        if owner or waits:
            running.append(_served(row, owner, store.granted(row.id), state_of(row.id), now))
    used = sum(one.slots for one in running if one.granted is not None)
    waiting = [row for row in reversed(rows) if row.status is StudyStatus.QUEUED and not row.archived]
    queue = _queue(waiting, state_of, found, used)
    if found is None:
        died = killed.pid if killed is not None else None
        return DaemonView(up=False, died=died, running=tuple(running), queue=queue)
    names = {row.id: row.name for row in rows}
    return DaemonView(
        up=True,
        pid=found.pid,
        host=found.machine,
        url=found.url,
        started=found.started,
        version=found.version,
        log=str(record.log_file(home)),
        slots=found.slots,
        slots_used=used,
        running=tuple(running),
        queue=queue,
        troubles=tuple(
            TroubleView(id=study, name=names.get(study, study), text=text) for study, text in found.troubles.items()
        ),
    )


def _served(row: StudyRow, owner: str, granted: int | None, state: StudyState, now: float) -> ServedView:
    ran, left = state.wall_seconds(), progress.seconds_left(state)
    return ServedView(
        id=row.id,
        name=row.name,
        owner=owner,
        slots=len(state.running),
        granted=granted,
        workers=state.workers,
        max_slots=state.max_slots,
        priority=state.priority,
        weight=state.weight,
        trials_started=len(state.trials),
        trials_planned=progress.planned_trials(state),
        epochs_spent=state.epochs_spent,
        epochs_planned=progress.planned_epochs(state),
        epochs_per_hour=_HOUR * state.epochs_spent / ran if ran and state.epochs_spent else None,
        seconds_left=left,
        ends_at=None if left is None else now + left,
    )


def _queue(
    rows: Sequence[StudyRow], state_of: Callable[[str], StudyState], found: Record | None, used: int
) -> tuple[QueuedView, ...]:
    """Those that wait, the first to be started first: by priority, then by age."""
    states = {row.id: state_of(row.id) for row in rows}
    ordered = sorted(rows, key=lambda row: -states[row.id].priority)
    return tuple(
        QueuedView(
            id=row.id,
            name=row.name,
            position=place,
            waits_for=_waits_for(row.id, found, used),
            since=row.updated_at,
            workers=states[row.id].workers,
            max_slots=states[row.id].max_slots,
            priority=states[row.id].priority,
            weight=states[row.id].weight,
        )
        for place, row in enumerate(ordered, start=1)
    )


def _waits_for(study: str, found: Record | None, used: int) -> str:
    if found is None:
        return "the service: start it with `reid-tune up`"
    if study in found.troubles:
        return f"somebody to look: {found.troubles[study]}"
    if used >= found.slots:
        return f"a free slot: {used} of {found.slots} are in use"
    return "its controller, which is about to start"
