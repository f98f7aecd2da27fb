"""Whether a store is whole: every row read, every study's log counted and folded, every table held against it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection, Engine, func, select, text
from sqlalchemy.exc import DBAPIError

from orchestrator.events import CommandGiven, StudyCreated, StudyState, fold
from orchestrator.store.engine import is_server, make_engine
from orchestrator.store.failures import explained, place_of
from orchestrator.store.opening import BUSY_SECONDS
from orchestrator.store.queries import all_studies, lease_of, page_of, study_row
from orchestrator.store.schema import VERSION, commands, cursors, leases, metrics, recorded_version, studies
from orchestrator.store.schema import events as log
from reid_core.errors import NotFound, ReidTuneError

__all__ = ["Examined", "Fault", "examine_store"]

_PAGE = 20_000
_OWNED = (log, metrics, leases, commands, cursors)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong; `study` is the name of the study concerned, empty for the database as a whole."""

    study: str
    message: str


@dataclass(slots=True)
class Examined:
    """What there is, and what is wrong with it. `leases` counts those recorded, live or run out."""

    place: str
    version: int
    studies: int = 0
    events: int = 0
    reports: int = 0
    commands: int = 0
    leases: int = 0
    findings: list[Fault] = field(default_factory=list)


def examine_store(url_or_path: str | Path) -> Examined:
    """Read a store from end to end; nothing is changed, and controllers may go on writing.

    Raises NotFound when there is none, and as `open_store` for what is not a store at all. An older version is
    counted only: its rows are read once it is brought forward.
    """
    engine = make_engine(url_or_path, busy_seconds=BUSY_SECONDS)
    place = place_of(engine.url)
    if not is_server(engine) and not Path(place).exists():
        engine.dispose()
        raise NotFound(f"there is no store at {place} yet", hint="start a study with `reid-tune run`")
    try:
        with explained(engine.url), _snapshot(engine) as connection:
            return _examined(connection, place)
    finally:
        engine.dispose()


def _snapshot(engine: Engine) -> Connection:
    """A connection whose queries all see one moment, however long they take (SQLite's always do)."""
    connection = engine.connect()
    return connection.execution_options(isolation_level="REPEATABLE READ") if is_server(engine) else connection


def _examined(connection: Connection, place: str) -> Examined:
    found = Examined(place, recorded_version(connection, place))
    if found.version == 0:
        raise NotFound(f"there is no store at {place} yet", hint="start a study with `reid-tune run`")
    found.findings += [Fault("", message) for message in _of_database(connection)]
    found.studies = _count(connection, studies.c.key)
    found.events = _count(connection, log.c.seq)
    found.reports = _count(connection, metrics.c.seq)
    found.commands = _count(connection, commands.c.id)
    found.leases = _count(connection, leases.c.study)
    if found.version != VERSION:
        return found
    found.findings += [Fault("", message) for message in _strays(connection)]
    try:
        rows = all_studies(connection)
    except ValueError as error:  # a status that no release wrote
        found.findings.append(Fault("", f"the list of studies cannot be read: {error}"))
        return found
    for row in rows:
        found.findings += [Fault(row.name, message) for message in _of_study(connection, row.id, place)]
    return found


def _count(connection: Connection, column: object) -> int:
    return int(connection.execute(select(func.count(column))).scalar_one())  # type: ignore[arg-type]


def _of_database(connection: Connection) -> Iterator[str]:
    if connection.dialect.name != "sqlite":
        return  # a server checks its pages as it reads them: a damaged one ends the examination with an error
    try:
        for told in connection.execute(text("PRAGMA integrity_check(20)")).scalars():
            if told != "ok":
                yield f"the file is damaged: {told}"
        for table, *_ in connection.execute(text("PRAGMA foreign_key_check")):
            yield f"a row of {table} belongs to no study"
    except DBAPIError as error:
        yield f"the file is damaged: {error.orig}"


def _strays(connection: Connection) -> Iterator[str]:
    for table in _OWNED:
        stray = select(func.count()).select_from(table).where(table.c.study.not_in(select(studies.c.key)))
        count = connection.execute(stray).scalar_one()
        if count and connection.dialect.name != "sqlite":  # SQLite's own check named them above
            yield f"{count} rows of {table.name} belong to no study"


def _of_study(connection: Connection, study: str, place: str) -> Iterator[str]:
    row = study_row(connection, study)
    key, seq = int(row["key"]), int(row["seq"])
    state = StudyState()
    try:
        yield from _of_log(connection, key, seq, place, state)
    except ReidTuneError as error:
        yield error.message
        return
    except Exception as error:  # noqa: BLE001 - whatever a log from elsewhere makes the fold stumble over is a finding
        yield f"its events do not follow from each other: {type(error).__name__}: {error}"
        return
    if state.status.value != row["status"]:
        yield f"it is listed as {row['status']}, its events say {state.status.value}"
    if state.archived != bool(row["archived"]):
        yield "the list and its events differ in whether it is archived"
    lease = lease_of(connection, key, study)
    if lease is not None and lease.token > row["token"]:
        yield f"its lease has the token {lease.token}, but the newest given out is {row['token']}"
    yield from _of_inbox(connection, key)


def _of_log(connection: Connection, key: int, seq: int, place: str, state: StudyState) -> Iterator[str]:
    expected = 1
    for low in range(0, seq, _PAGE):
        page = page_of(connection, key, low, min(low + _PAGE, seq), place)
        for logged in page:
            if logged.seq != expected:
                yield f"event {expected} is missing" if logged.seq > expected else f"event {logged.seq} is there twice"
            expected = logged.seq + 1
        if low == 0 and page and not isinstance(page[0].event, StudyCreated):
            yield "its first event is not its creation"
        fold(page, state)
    if expected != seq + 1:
        yield f"events {expected} to {seq} are missing"
    for table in (log, metrics):
        beyond = select(func.count()).select_from(table).where(table.c.study == key, table.c.seq > seq)
        count = connection.execute(beyond).scalar_one()
        if count:
            yield f"{count} rows of {table.name} lie beyond its last event"
    unknown = select(metrics.c.trial).where(metrics.c.study == key).distinct()
    for trial in sorted(set(connection.execute(unknown).scalars()) - set(state.trials)):
        yield f"there are reports of trial {trial}, which was never suggested"


def _of_inbox(connection: Connection, key: int) -> Iterator[str]:
    for number, body in connection.execute(select(commands.c.id, commands.c.body).where(commands.c.study == key)):
        try:
            CommandGiven.model_validate_json(body)
        except ValueError as error:
            yield f"command {number} in its inbox cannot be read: {str(error).splitlines()[0]}"
    for name, place in connection.execute(select(cursors.c.name, cursors.c.seq).where(cursors.c.study == key)):
        if place < 0:
            yield f"the cursor {name!r} stands at {place}"
