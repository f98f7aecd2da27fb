"""The store in a SQL database: SQLite files now, any server that SQLAlchemy speaks to by another URL.

Durability on SQLite (WAL, synchronous=NORMAL): what `append` returned survives the death of the process at
any moment; after a power failure or a crash of the system the last fractions of a second may be missing, never
a part of a batch and never an event before one that is there.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlalchemy import Connection, Engine, RowMapping, delete, insert, select, update

from orchestrator.events import (
    CommandGiven,
    EpochReported,
    Event,
    Logged,
    StudyCreated,
    StudyStatus,
    event_to_json,
)
from orchestrator.events.collection import collector_at_rest
from orchestrator.store import rules
from orchestrator.store.columns import columns_of
from orchestrator.store.engine import WRITE, explained, make_engine, place_of, switch_to_wal
from orchestrator.store.protocol import Columns, Lease, PendingCommand, StoreError, StudyRow
from orchestrator.store.rows import logged_of, metrics_of
from orchestrator.store.schema import VERSION, commands, cursors, leases, metrics, prepare, recorded_version, studies
from orchestrator.store.schema import events as log

__all__ = ["SqlStore", "open_store"]

_PAGE = 20_000  # events read in one transaction: a slow reader must not keep SQLite from trimming its log
_TRIALS = 500  # trials in one lookup of what is already reported: databases limit the length of a list


def open_store(url_or_path: str | Path, *, busy_seconds: float = 30.0) -> SqlStore:
    """Open the store at a path or URL; make it, or bring an older one forward, when needed.

    Raises Conflict for a database of something else or of a newer release, StoreError for one that
    cannot be used, ServerUnreachable when a server does not answer, UsageError for a bad address.
    """
    engine = make_engine(url_or_path, busy_seconds=busy_seconds)
    place = place_of(engine.url)
    try:
        with explained(engine.url):
            with engine.connect() as connection:
                version = recorded_version(connection, place)
            if engine.dialect.name == "sqlite":
                switch_to_wal(engine, busy_seconds=busy_seconds)
            if version != VERSION:
                with engine.execution_options(**{WRITE: True}).begin() as connection:
                    prepare(connection, place)
    except BaseException:
        engine.dispose()
        raise
    return SqlStore(engine)


class SqlStore:
    """The Store protocol over the tables of orchestrator.store.schema; `open_store` makes one."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writer = engine.execution_options(**{WRITE: True})
        self._turn = threading.Lock()  # writers of this process queue here instead of polling SQLite's lock

    # studies ----------------------------------------------------------------
    def create_study(self, created: StudyCreated, at: float) -> None:
        """Begin a study: `created` becomes event 1."""
        with self._writing() as connection:
            rules.check_created(created, _rows(connection))
            values = {
                "id": created.study,
                "name": created.name,
                "created_at": at,
                "updated_at": at,
                "seq": 1,
                "token": 0,
            }
            connection.execute(insert(studies).values(**values, status=StudyStatus.CREATED.value))
            key = _key(connection, created.study)
            connection.execute(insert(log).values(study=key, seq=1, at=at, body=event_to_json(created)))

    def studies(self) -> list[StudyRow]:
        """Every study, newest first."""
        with self._reading() as connection:
            return _rows(connection)

    def find(self, ref: str) -> StudyRow:
        """A study by id, by name, or `latest`."""
        return rules.pick(ref, self.studies())

    def delete_study(self, study: str, *, now: float) -> None:
        """Remove a study with everything recorded about it."""
        with self._writing() as connection:
            key = _key(connection, study)
            rules.check_not_running(_lease(connection, key, study), now)
            for table in (log, metrics, leases, commands, cursors):
                connection.execute(delete(table).where(table.c.study == key))
            connection.execute(delete(studies).where(studies.c.key == key))

    # the log ----------------------------------------------------------------
    def append(
        self, study: str, events: Sequence[Event], *, token: int, at: float, taken: Sequence[int] = ()
    ) -> list[Logged]:
        """Add events, all or none, and mark the commands `taken` as heard in the same transaction."""
        with self._writing() as connection:
            row = _locked(connection, study)
            key: int = row["key"]
            if token != row["token"] or token <= 0:
                rules.check_token(study, token, row["token"], _lease(connection, key, study))
            kept = rules.without_repeated_reports(events, _reported(connection, key, events))
            logged = [Logged(row["seq"] + i, at, event) for i, event in enumerate(kept, 1)]
            _insert(connection, key, logged)
            if logged:
                status = rules.status_after(StudyStatus(row["status"]), kept)
                archived = int(rules.archived_after(bool(row["archived"]), kept))
                change = {"seq": logged[-1].seq, "updated_at": at, "status": status.value, "archived": archived}
                connection.execute(update(studies).where(studies.c.key == key).values(**change))
            if taken:
                heard = commands.c.id.in_(taken)
                connection.execute(delete(commands).where(commands.c.study == key, heard))
        return logged

    def events(self, study: str, after: int = 0, limit: int | None = None) -> Iterator[Logged]:
        """Events with `seq > after`, in order and without gaps, as of this call."""
        first = max(after, 0)
        with self._reading() as connection:
            row = _row(connection, study)
        last: int = row["seq"] if limit is None else min(row["seq"], first + limit)
        return self._pages(row["key"], first, last)

    def last_seq(self, study: str) -> int:
        """The newest sequence number."""
        with self._reading() as connection:
            return int(_row(connection, study)["seq"])

    def columns(self, study: str, after: int = 0) -> Columns:
        """Every reported epoch with `seq > after`, in columns."""
        m = metrics.c
        query = select(m.trial, m.epoch, m.seq, m.body).order_by(m.seq)
        with collector_at_rest(), self._reading() as connection:
            row = _row(connection, study)
            found = connection.execute(query.where(m.study == row["key"], m.seq > after, m.seq <= row["seq"])).all()
        values = metrics_of([line[2] for line in found], [line[3] for line in found], place_of(self._engine.url))
        return columns_of(row["seq"], [(line[0], line[1]) for line in found], values)

    # the one writer ---------------------------------------------------------
    def acquire(self, study: str, owner: str, ttl: float, now: float) -> int:
        """Take the lease and return a fencing token."""
        with self._writing() as connection:
            row = _locked(connection, study)
            key: int = row["key"]
            rules.check_lease_free(_lease(connection, key, study), owner, now)
            token = int(row["token"]) + 1
            connection.execute(update(studies).where(studies.c.key == key).values(token=token))
            connection.execute(delete(leases).where(leases.c.study == key))
            values = {"study": key, "token": token, "owner": owner, "since": now, "expires": now + ttl}
            connection.execute(insert(leases).values(**values))
            return token

    def renew(self, study: str, token: int, ttl: float, now: float) -> bool:
        """Prolong the lease; False when it is no longer this token's."""
        with self._writing() as connection:
            mine = (leases.c.study == _key(connection, study)) & (leases.c.token == token)
            return connection.execute(update(leases).where(mine).values(expires=now + ttl)).rowcount == 1

    def release(self, study: str, token: int) -> None:
        """Give the lease up."""
        with self._writing() as connection:
            mine = (leases.c.study == _key(connection, study)) & (leases.c.token == token)
            connection.execute(delete(leases).where(mine))

    def holder(self, study: str) -> Lease | None:
        """The lease as recorded."""
        with self._reading() as connection:
            return _lease(connection, _key(connection, study), study)

    # commands and cursors ---------------------------------------------------
    def post(self, study: str, command: CommandGiven, at: float) -> int:
        """Put a command into the controller's inbox."""
        with self._writing() as connection:
            values = {"study": _key(connection, study), "at": at, "body": event_to_json(command)}
            return int(connection.execute(insert(commands).values(**values).returning(commands.c.id)).scalar_one())

    def pending(self, study: str) -> list[PendingCommand]:
        """Commands not yet heard, oldest first."""
        query = select(commands.c.id, commands.c.at, commands.c.body).order_by(commands.c.id)
        with self._reading() as connection:
            found = connection.execute(query.where(commands.c.study == _key(connection, study))).all()
        return [PendingCommand(number, at, CommandGiven.model_validate_json(body)) for number, at, body in found]

    def cursor(self, study: str, name: str) -> int:
        """How far the projection `name` has come."""
        with self._reading() as connection:
            mine = (cursors.c.study == _key(connection, study)) & (cursors.c.name == name)
            return int(connection.execute(select(cursors.c.seq).where(mine)).scalar() or 0)

    def set_cursor(self, study: str, name: str, seq: int) -> None:
        """Remember how far the projection `name` has come."""
        with self._writing() as connection:
            key = _key(connection, study)
            mine = (cursors.c.study == key) & (cursors.c.name == name)
            if connection.execute(update(cursors).where(mine).values(seq=seq)).rowcount == 0:
                connection.execute(insert(cursors).values(study=key, name=name, seq=seq))

    def grant(self, study: str, slots: int | None) -> None:
        """Let the study's controller use at most `slots` of its workers."""
        with self._writing() as connection:
            key = _key(connection, study)
            connection.execute(update(studies).where(studies.c.key == key).values(granted=slots))

    def granted(self, study: str) -> int | None:
        """How many slots the daemon leaves the study now."""
        with self._reading() as connection:
            slots: int | None = _row(connection, study)["granted"]
            return slots

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    # inside -----------------------------------------------------------------
    @contextlib.contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self._turn, explained(self._engine.url), self._writer.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def _reading(self) -> Iterator[Connection]:
        with explained(self._engine.url), self._engine.connect() as connection:
            yield connection

    def _pages(self, key: int, first: int, last: int) -> Iterator[Logged]:
        for low in range(first, last, _PAGE):
            high = min(low + _PAGE, last)
            with self._reading() as connection:
                page = _page(connection, key, low, high, place_of(self._engine.url))
            if len(page) != high - low:
                raise StoreError(
                    f"events {low + 1} to {high} are not all there any more in {place_of(self._engine.url)}",
                    hint="the study was deleted meanwhile, or the store is damaged",
                )
            yield from page


def _page(connection: Connection, key: int, low: int, high: int, place: str) -> list[Logged]:
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


def _insert(connection: Connection, key: int, logged: Sequence[Logged]) -> None:
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


def _reported(connection: Connection, key: int, batch: Sequence[Event]) -> set[tuple[int, int]]:
    """The (trial, epoch) that are on record already, among those of the batch's trials and span of epochs."""
    reports = [event for event in batch if isinstance(event, EpochReported)]
    if not reports:
        return set()
    trials = sorted({event.trial for event in reports})
    low, high = min(event.epoch for event in reports), max(event.epoch for event in reports)
    query = select(metrics.c.trial, metrics.c.epoch).where(metrics.c.study == key, metrics.c.epoch.between(low, high))
    found: set[tuple[int, int]] = set()
    for start in range(0, len(trials), _TRIALS):
        chosen = query.where(metrics.c.trial.in_(trials[start : start + _TRIALS]))
        found.update((trial, epoch) for trial, epoch in connection.execute(chosen))
    return found


def _rows(connection: Connection) -> list[StudyRow]:
    s = studies.c
    query = select(s.id, s.name, s.created_at, s.updated_at, s.seq, s.status, s.archived)
    found = connection.execute(query.order_by(s.created_at.desc(), s.key.desc()))
    return [StudyRow(*row[:5], StudyStatus(row[5]), bool(row[6])) for row in found]


def _row(connection: Connection, study: str, *, lock: bool = False) -> RowMapping:
    s = studies.c
    query = select(s.key, s.seq, s.token, s.status, s.archived, s.granted).where(s.id == study)
    row = connection.execute(query.with_for_update() if lock else query).mappings().one_or_none()
    if row is None:
        raise rules.unknown_study(study, _rows(connection))
    return row


def _locked(connection: Connection, study: str) -> RowMapping:
    """The study's row, kept from other writers until the transaction ends (SQLite locks the whole file anyway)."""
    return _row(connection, study, lock=True)


def _key(connection: Connection, study: str) -> int:
    return int(_row(connection, study)["key"])


def _lease(connection: Connection, key: int, study: str) -> Lease | None:
    row = connection.execute(
        select(leases.c.owner, leases.c.token, leases.c.since, leases.c.expires).where(leases.c.study == key)
    ).one_or_none()
    return None if row is None else Lease(study, *row)
