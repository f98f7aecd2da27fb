"""The store in a SQL database: a SQLite file, or a PostgreSQL server by its URL.

Durability on SQLite (WAL, synchronous=NORMAL): what `append` returned survives the death of the process at
any moment; after a power failure or a crash of the system the last fractions of a second may be missing, never
a part of a batch and never an event before one that is there. On PostgreSQL it is what the server promises of a
commit. A server that is away for a while is waited for (`wait_for_server`); a call whose commit was not answered
looks, when the server is back, whether it had arrived.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Engine, Row, delete, insert, literal_column, select, update

from orchestrator.events import CommandGiven, Event, Logged, StudyCreated, StudyStatus, event_to_json
from orchestrator.events.collection import collector_at_rest
from orchestrator.store import rules
from orchestrator.store.columns import columns_of
from orchestrator.store.engine import WRITE, ServerClock, is_server, lock_alone
from orchestrator.store.failures import explained, place_of, waited_out
from orchestrator.store.protocol import Columns, Lease, PendingCommand, StoreError, StudyRow
from orchestrator.store.queries import (
    all_studies,
    cursor_of,
    insert_logged,
    is_written,
    key_of,
    lease_of,
    locked_study,
    move_cursor,
    note_growth,
    page_of,
    reported_already,
    study_row,
    waiting_commands,
)
from orchestrator.store.rows import metrics_of
from orchestrator.store.schema import commands, cursors, leases, metrics, studies
from orchestrator.store.schema import events as log

__all__ = ["SqlStore"]

_PAGE = 20_000  # events read in one transaction: a slow reader must not keep SQLite from trimming its log
_OUTAGE_SECONDS = 5.0  # enough for connections that were dropped; a controller waits longer

_Result = TypeVar("_Result")


class SqlStore:
    """The Store protocol over the tables of orchestrator.store.schema; `open_store` makes one.

    `place` is the file, or the address without its password.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writer = engine.execution_options(**{WRITE: True})
        self.place = place_of(engine.url)
        self._outage = _OUTAGE_SECONDS
        served = is_server(engine)
        self._ahead = None if served else Path(f"{engine.url.database}-wal")
        self._server = ServerClock(engine) if served else None
        self._clock: Callable[[], float] = self._server or time.time
        # a server commits one statement by itself; a lease on a slow one must not run out between BEGIN and COMMIT
        self._single = engine.execution_options(isolation_level="AUTOCOMMIT") if served else self._writer
        # writers of this process queue here instead of polling SQLite's lock; a server has a queue of its own
        self._turn = contextlib.nullcontext() if served else threading.Lock()

    # studies ----------------------------------------------------------------
    def create_study(self, created: StudyCreated, at: float) -> None:
        """Begin a study: `created` becomes event 1."""
        first = Logged(1, at, created)
        tried = False

        def begin(connection: Connection) -> None:
            nonlocal tried
            lock_alone(connection)
            others = all_studies(connection)
            if tried and any(row.id == created.study for row in others):
                key = key_of(connection, created.study)
                if is_written(connection, key, [first], self.place):
                    return
            rules.check_created(created, others)
            tried = True
            times = {"created_at": at, "updated_at": at, "seq": 1, "token": 0}
            values = {"id": created.study, "name": created.name, "status": StudyStatus.CREATED.value, **times}
            connection.execute(insert(studies).values(**values))
            insert_logged(connection, key_of(connection, created.study), [first])

        self._write(begin)

    def studies(self) -> list[StudyRow]:
        """Every study, newest first."""
        return self._read(all_studies)

    def find(self, ref: str) -> StudyRow:
        """A study by id, by name, or `latest`."""
        return rules.pick(ref, self.studies())

    def delete_study(self, study: str, *, now: float) -> None:
        """Remove a study with everything recorded about it."""
        tried = False

        def remove(connection: Connection) -> None:
            nonlocal tried
            if tried and all(row.id != study for row in all_studies(connection)):
                return
            key: int = locked_study(connection, study)["key"]
            rules.check_not_running(lease_of(connection, key, study), now)
            tried = True
            for table in (log, metrics, leases, commands, cursors):
                connection.execute(delete(table).where(table.c.study == key))
            connection.execute(delete(studies).where(studies.c.key == key))

        self._write(remove)

    # the log ----------------------------------------------------------------
    def append(
        self, study: str, events: Sequence[Event], *, token: int, at: float, taken: Sequence[int] = ()
    ) -> list[Logged]:
        """Add events, all or none, and mark the commands `taken` as heard in the same transaction."""
        tried: list[Logged] = []

        def add(connection: Connection) -> list[Logged]:
            row = locked_study(connection, study)
            key: int = row["key"]
            if tried and is_written(connection, key, tried, self.place):
                return list(tried)
            if token != row["token"] or token <= 0:
                rules.check_token(study, token, row["token"], lease_of(connection, key, study))
            kept = rules.without_repeated_reports(events, reported_already(connection, key, events))
            tried[:] = [Logged(row["seq"] + i, at, event) for i, event in enumerate(kept, 1)]
            insert_logged(connection, key, tried)
            if tried:
                note_growth(connection, row, tried[-1], kept)
            if taken:
                heard = commands.c.id.in_(taken)
                connection.execute(delete(commands).where(commands.c.study == key, heard))
            return list(tried)

        return self._write(add)

    def events(self, study: str, after: int = 0, limit: int | None = None) -> Iterator[Logged]:
        """Events with `seq > after`, in order and without gaps, as of this call."""
        first = max(after, 0)
        row = self._read(lambda connection: study_row(connection, study))
        last: int = row["seq"] if limit is None else min(row["seq"], first + limit)
        return self._pages(row["key"], first, last)

    def last_seq(self, study: str) -> int:
        """The newest sequence number."""
        return int(self._read(lambda connection: study_row(connection, study))["seq"])

    def written(self) -> object:
        """Length and time of SQLite's write-ahead log, which every commit of any process changes; None of a server."""
        if self._ahead is None:
            return None
        try:
            seen = self._ahead.stat()
        except FileNotFoundError:
            return None
        return seen.st_mtime_ns, seen.st_size

    def columns(self, study: str, after: int = 0) -> Columns:
        """Every reported epoch with `seq > after`, in columns."""
        m = metrics.c
        query = select(m.trial, m.epoch, m.seq, m.body).order_by(m.seq)

        def look(connection: Connection) -> tuple[int, Sequence[Row[int, int, int, str]]]:
            row = study_row(connection, study)
            mine = (m.study == row["key"]) & (m.seq > after) & (m.seq <= row["seq"])
            return row["seq"], connection.execute(query.where(mine)).all()

        with collector_at_rest():
            seq, found = self._read(look)
        values = metrics_of([line[2] for line in found], [line[3] for line in found], self.place)
        return columns_of(seq, [(line[0], line[1]) for line in found], values)

    # the one writer ---------------------------------------------------------
    def acquire(self, study: str, owner: str, ttl: float, now: float) -> int:
        """Take the lease and return a fencing token."""
        asked = time.monotonic()

        def take(connection: Connection) -> int:
            row = locked_study(connection, study)
            key: int = row["key"]
            rules.check_lease_free(lease_of(connection, key, study), owner, now)
            token = int(row["token"]) + 1
            connection.execute(update(studies).where(studies.c.key == key).values(token=token))
            connection.execute(delete(leases).where(leases.c.study == key))
            expires = now + _waited(asked) + ttl
            values = {"study": key, "token": token, "owner": owner, "since": now, "expires": expires}
            connection.execute(insert(leases).values(**values))
            return token

        return self._write(take)

    def renew(self, study: str, token: int, ttl: float, now: float) -> bool:
        """Prolong the lease; False when it is no longer this token's."""
        asked = time.monotonic()
        key = select(studies.c.key).where(studies.c.id == study).scalar_subquery()
        mine = update(leases).where(leases.c.study == key, leases.c.token == token)
        told = mine.returning(leases.c.token if self._server is None else literal_column(ServerClock.ASKED))

        def prolong(connection: Connection) -> bool:
            sent = time.monotonic()
            answer = connection.execute(told.values(expires=now + _waited(asked) + ttl)).scalar()
            if answer is None:
                key_of(connection, study)  # raises NotFound
            elif self._server is not None:
                self._server.tell(float(answer), sent)
            return answer is not None

        return self._write(prolong, self._single)

    def release(self, study: str, token: int) -> None:
        """Give the lease up."""

        def give_up(connection: Connection) -> None:
            mine = (leases.c.study == key_of(connection, study)) & (leases.c.token == token)
            connection.execute(delete(leases).where(mine))

        self._write(give_up)

    def holder(self, study: str) -> Lease | None:
        """The lease as recorded."""
        return self._read(lambda connection: lease_of(connection, key_of(connection, study), study))

    def now(self) -> float:
        """The time that leases are measured by: the server's, or of a file this machine's."""
        with explained(self._engine.url):
            return self._clock()

    # commands and cursors ---------------------------------------------------
    def post(self, study: str, command: CommandGiven, at: float) -> int:
        """Put a command into the controller's inbox."""
        body = event_to_json(command)
        tried = False

        def put(connection: Connection) -> int:
            nonlocal tried
            key: int = locked_study(connection, study)["key"]
            if tried:
                same = (commands.c.study == key) & (commands.c.at == at) & (commands.c.body == body)
                there = connection.execute(select(commands.c.id).where(same)).scalar()
                if there is not None:
                    return int(there)
            tried = True
            values = {"study": key, "at": at, "body": body}
            return int(connection.execute(insert(commands).values(**values).returning(commands.c.id)).scalar_one())

        return self._write(put)

    def pending(self, study: str) -> list[PendingCommand]:
        """Commands not yet heard, oldest first."""
        return self._read(lambda connection: waiting_commands(connection, study))

    def cursor(self, study: str, name: str) -> int:
        """How far the projection `name` has come."""
        return self._read(lambda connection: cursor_of(connection, study, name))

    def set_cursor(self, study: str, name: str, seq: int) -> None:
        """Remember how far the projection `name` has come."""
        self._write(lambda connection: move_cursor(connection, study, name, seq))

    def grant(self, study: str, slots: int | None) -> None:
        """Let the study's controller use at most `slots` of its workers."""

        def leave(connection: Connection) -> None:
            mine = studies.c.key == key_of(connection, study)
            connection.execute(update(studies).where(mine).values(granted=slots))

        self._write(leave)

    def granted(self, study: str) -> int | None:
        """How many slots the daemon leaves the study now."""
        slots: int | None = self._read(lambda connection: study_row(connection, study))["granted"]
        return slots

    def wait_for_server(self, seconds: float) -> None:
        """Let every call wait so long for a server that went away."""
        self._outage = seconds

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    # inside -----------------------------------------------------------------
    def _write(self, work: Callable[[Connection], _Result], engine: Engine | None = None) -> _Result:
        def once() -> _Result:
            with (engine or self._writer).begin() as connection:
                return work(connection)

        with self._turn, explained(self._engine.url):
            return waited_out(once, self._outage)

    def _read(self, work: Callable[[Connection], _Result]) -> _Result:
        def once() -> _Result:
            with self._engine.connect() as connection:
                return work(connection)

        with explained(self._engine.url):
            return waited_out(once, self._outage)

    def _pages(self, key: int, first: int, last: int) -> Iterator[Logged]:
        for low in range(first, last, _PAGE):
            page = self._page(key, low, min(low + _PAGE, last))
            if len(page) != min(low + _PAGE, last) - low:
                raise StoreError(
                    f"events {low + 1} to {min(low + _PAGE, last)} are not all there any more in {self.place}",
                    hint="the study was deleted meanwhile, or the store is damaged",
                )
            yield from page

    def _page(self, key: int, low: int, high: int) -> list[Logged]:
        return self._read(lambda connection: page_of(connection, key, low, high, self.place))


def _waited(asked: float) -> int:
    """Whole seconds since a lease was asked for: on a slow server, or behind a lock, they are no part of its time."""
    return int(time.monotonic() - asked)
