"""Statements over the tables of orchestrator.store.schema that several calls of the store share."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import Connection, RowMapping, bindparam, insert, select, update

from orchestrator.events import CommandGiven, EpochReported, Event, Logged, StudyStatus, event_to_json
from orchestrator.store import rules
from orchestrator.store.protocol import Lease, PendingCommand, StudyRow
from orchestrator.store.rows import logged_of
from orchestrator.store.schema import commands, cursors, leases, metrics, studies
from orchestrator.store.schema import events as log

__all__ = [
    "all_studies",
    "cursor_of",
    "insert_logged",
    "is_written",
    "key_of",
    "lease_of",
    "locked_study",
    "move_cursor",
    "note_growth",
    "page_of",
    "reported_already",
    "study_row",
    "waiting_commands",
]

_S, _C = studies.c, commands.c
_ROW = select(_S.key, _S.seq, _S.token, _S.status, _S.archived, _S.granted).where(_S.id == bindparam("study"))
_ROW_LOCKED = _ROW.with_for_update()
_WAITING = (
    select(_C.id, _C.at, _C.body)
    .select_from(studies.outerjoin(commands, _C.study == _S.key))
    .where(_S.id == bindparam("study"))
    .order_by(_C.id)
)
_M = metrics.c
_REPORTED = select(_M.trial, _M.epoch).where(
    _M.study == bindparam("key"),
    _M.epoch.between(bindparam("low"), bindparam("high")),
    _M.trial.in_(bindparam("trials", expanding=True)),
)
_GROWN = (
    update(studies)
    .where(_S.key == bindparam("of_key"))
    .values(
        seq=bindparam("to_seq"),
        updated_at=bindparam("at"),
        status=bindparam("to_status"),
        archived=bindparam("to_archived"),
    )
)
"""Built once: controllers ask these for every epoch, and building a statement takes longer than SQLite's answer."""

_TRIALS = 500  # trials in one lookup of what is already reported: databases limit the length of a list


def page_of(connection: Connection, key: int, low: int, high: int, place: str) -> list[Logged]:
    """The events of a study with low < seq <= high that are there, in order."""
    told = connection.execute(
        select(log.c.seq, log.c.at, log.c.body)
        .where(log.c.study == key, log.c.seq > low, log.c.seq <= high)
        .order_by(log.c.seq)
    ).all()
    m = metrics.c
    reports = connection.execute(
        select(m.seq, m.at, m.trial, m.segment, m.epoch, m.body)
        .where(m.study == key, m.seq > low, m.seq <= high)
        .order_by(m.seq)
    ).all()
    return logged_of(told, reports, place)


def is_written(connection: Connection, key: int, tried: Sequence[Logged], place: str) -> bool:
    """Whether exactly these events are in their places: the connection was lost after their commit, not before."""
    found = page_of(connection, key, tried[0].seq - 1, tried[-1].seq, place)
    return [_told(one) for one in found] == [_told(one) for one in tried]


def _told(logged: Logged) -> tuple[int, float, str]:
    return logged.seq, logged.at, event_to_json(logged.event)


def insert_logged(connection: Connection, key: int, logged: Sequence[Logged]) -> None:
    """Write events in their places: reports into the metric table, all others into the event table."""
    reports, others = [], []
    for item in logged:
        place = {"study": key, "seq": item.seq, "at": item.at}
        event = item.event
        if isinstance(event, EpochReported):
            body = json.dumps(event.metrics, separators=(",", ":"))
            reports.append(place | {"trial": event.trial, "segment": event.segment, "epoch": event.epoch, "body": body})
        else:
            others.append(place | {"body": event_to_json(event)})
    if others:
        connection.execute(insert(log), others)
    if reports:
        connection.execute(insert(metrics), reports)


def note_growth(connection: Connection, row: RowMapping, last: Logged, kept: Sequence[Event]) -> None:
    """What the list of studies shows of one that grew by `kept`, the last of them in the place of `last`."""
    change = {
        "of_key": row["key"],
        "to_seq": last.seq,
        "at": last.at,
        "to_status": rules.status_after(StudyStatus(row["status"]), kept).value,
        "to_archived": int(rules.archived_after(bool(row["archived"]), kept)),
    }
    connection.execute(_GROWN, change)


def reported_already(connection: Connection, key: int, batch: Sequence[Event]) -> set[tuple[int, int]]:
    """The (trial, epoch) that are on record already, among those of the batch's trials and span of epochs."""
    reports = [event for event in batch if isinstance(event, EpochReported)]
    if not reports:
        return set()
    trials = sorted({event.trial for event in reports})
    low, high = min(event.epoch for event in reports), max(event.epoch for event in reports)
    found: set[tuple[int, int]] = set()
    for start in range(0, len(trials), _TRIALS):
        some = {"key": key, "low": low, "high": high, "trials": trials[start : start + _TRIALS]}
        found.update((trial, epoch) for trial, epoch in connection.execute(_REPORTED, some))
    return found


def all_studies(connection: Connection) -> list[StudyRow]:
    """Every study, newest first."""
    s = studies.c
    query = select(s.id, s.name, s.created_at, s.updated_at, s.seq, s.status, s.archived)
    found = connection.execute(query.order_by(s.created_at.desc(), s.key.desc()))
    return [StudyRow(*row[:5], StudyStatus(row[5]), bool(row[6])) for row in found]


def study_row(connection: Connection, study: str, *, lock: bool = False) -> RowMapping:
    """The row of the study with this id. Raises NotFound."""
    row = connection.execute(_ROW_LOCKED if lock else _ROW, {"study": study}).mappings().one_or_none()
    if row is None:
        raise rules.unknown_study(study, all_studies(connection))
    return row


def locked_study(connection: Connection, study: str) -> RowMapping:
    """The study's row, kept from other writers until the transaction ends (SQLite locks the whole file anyway)."""
    return study_row(connection, study, lock=True)


def waiting_commands(connection: Connection, study: str) -> list[PendingCommand]:
    """Commands not yet heard, oldest first. Raises NotFound."""
    found = connection.execute(_WAITING, {"study": study}).all()
    if not found:
        raise rules.unknown_study(study, all_studies(connection))
    told = (row for row in found if row[0] is not None)  # a study without commands is one empty row
    return [PendingCommand(number, at, CommandGiven.model_validate_json(body)) for number, at, body in told]


def key_of(connection: Connection, study: str) -> int:
    """The number that the other tables know the study by. Raises NotFound."""
    return int(study_row(connection, study)["key"])


def lease_of(connection: Connection, key: int, study: str) -> Lease | None:
    """The lease as recorded."""
    row = connection.execute(
        select(leases.c.owner, leases.c.token, leases.c.since, leases.c.expires).where(leases.c.study == key)
    ).one_or_none()
    return None if row is None else Lease(study, *row)


def cursor_of(connection: Connection, study: str, name: str) -> int:
    """How far the projection `name` has come; 0 at its beginning."""
    mine = (cursors.c.study == key_of(connection, study)) & (cursors.c.name == name)
    return int(connection.execute(select(cursors.c.seq).where(mine)).scalar() or 0)


def move_cursor(connection: Connection, study: str, name: str, seq: int) -> None:
    """Remember how far the projection `name` has come."""
    key: int = locked_study(connection, study)["key"]
    mine = (cursors.c.study == key) & (cursors.c.name == name)
    if connection.execute(update(cursors).where(mine).values(seq=seq)).rowcount == 0:
        connection.execute(insert(cursors).values(study=key, name=name, seq=seq))
