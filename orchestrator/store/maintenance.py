"""Backups of a store, and stores made of backups. A backup is a SQLite file with the same tables, of any store."""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, Table, func, insert, select, text, update

from orchestrator.store.engine import WRITE, is_server, lock_alone, make_engine
from orchestrator.store.examine import Examined, examine_store
from orchestrator.store.failures import explained, place_of
from orchestrator.store.opening import BUSY_SECONDS, copy_sqlite, open_store
from orchestrator.store.protocol import StoreError
from orchestrator.store.schema import (
    VERSION,
    commands,
    cursors,
    events,
    leases,
    metrics,
    prepare,
    recorded_version,
    studies,
)
from reid_core.errors import Conflict, NotFound

__all__ = ["Backup", "backup_store", "restore_store"]

_TABLES = (studies, events, metrics, leases, commands, cursors)  # whatever others refer to comes first
_ROWS = 5_000


@dataclass(frozen=True, slots=True)
class Backup:
    """What was copied: from `source` to `target`, and what an examination of the copy found."""

    source: str
    target: str
    examined: Examined


def backup_store(url_or_path: str | Path, target: Path) -> Backup:
    """Copy a store, as it is at one moment, while others go on writing it; the copy is examined before it is kept.

    Raises Conflict when `target` exists, NotFound without its folder, StoreError when it cannot be written or is not
    whole, and as `open_store`.
    """
    if target.exists():
        raise Conflict(f"{target} exists already", hint="name another file")
    if not target.absolute().parent.is_dir():
        raise NotFound(f"there is no folder {target.parent}", hint="make it first, or name another place")
    engine = make_engine(url_or_path, busy_seconds=BUSY_SECONDS)
    place = place_of(engine.url)
    partial = target.with_name(f"{target.name}.partial")
    try:
        with explained(engine.url), _removed_on_error(partial):
            with engine.connect() as connection:
                version = recorded_version(connection, place)
            if version == 0:
                raise NotFound(f"there is no store at {place} yet", hint="start a study with `reid-tune run`")
            _copy(engine, partial, version)
            examined = _whole(partial, place)
            partial.rename(target)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"the backup {target} cannot be written: {error}", hint="name a place with space") from error
    finally:
        engine.dispose()
    return Backup(place, str(target), examined)


def restore_store(source: Path, url_or_path: str | Path) -> Backup:
    """Fill an empty store, of either kind, from a backup of any released version.

    Nobody holds a study afterwards, and whoever held one before the backup can write no more: its memory may be
    ahead of what was restored. No service starts one unasked: its files may be those of an original that lives on.
    Raises NotFound without the file, Conflict when the store holds studies, and StoreError for a damaged backup; the
    store is as it was then.
    """
    if not source.is_file():
        raise NotFound(f"there is no file {source}")
    with tempfile.TemporaryDirectory(prefix="reid-tune-restore-") as folder:
        copy = Path(folder) / "restored.db"
        try:
            copy_sqlite(source, copy)
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"{source} cannot be read as a backup: {error}", hint="name another backup") from error
        open_store(copy).close()  # brings an older backup forward
        examined = _whole(copy, str(source))
        _fill(copy, url_or_path)
    engine = make_engine(url_or_path, busy_seconds=BUSY_SECONDS)
    engine.dispose()
    return Backup(str(source), place_of(engine.url), examined)


def _copy(engine: Engine, target: Path, version: int) -> None:
    target.unlink(missing_ok=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    if not is_server(engine):
        copy_sqlite(Path(str(engine.url.database)), target)
        return
    if version != VERSION:
        raise Conflict(
            f"the database {place_of(engine.url)} has tables of version {version}; this release copies {VERSION}",
            hint="copy it with pg_dump, then `reid-tune db upgrade`",
        )
    made = make_engine(target, busy_seconds=BUSY_SECONDS)
    try:
        with (
            engine.connect().execution_options(isolation_level="REPEATABLE READ") as source,
            explained(made.url),
            made.execution_options(**{WRITE: True}).begin() as connection,
        ):
            prepare(connection, str(target))
            for table in _TABLES:
                _copy_rows(source, connection, table)
    finally:
        made.dispose()


def _fill(source: Path, url_or_path: str | Path) -> None:
    open_store(url_or_path).close()
    old = make_engine(source, busy_seconds=BUSY_SECONDS)
    engine = make_engine(url_or_path, busy_seconds=BUSY_SECONDS)
    try:
        with (
            explained(engine.url),
            old.connect() as rows,
            engine.execution_options(**{WRITE: True}).begin() as connection,
        ):
            lock_alone(connection)
            if connection.execute(select(func.count()).select_from(studies)).scalar_one():
                raise Conflict(
                    f"the store {place_of(engine.url)} holds studies",
                    hint="restore into an empty one: another REID_TUNE_HOME or REID_TUNE_STORE",
                )
            for table in _TABLES:
                if table is not leases:
                    _copy_rows(rows, connection, table)
            connection.execute(update(studies).values(token=studies.c.token + 1, granted=None))
            _set_counters(connection)
    finally:
        old.dispose()
        engine.dispose()


def _copy_rows(source: Connection, target: Connection, table: Table) -> None:
    order = list(table.primary_key.columns)
    found = source.execution_options(yield_per=_ROWS).execute(select(table).order_by(*order))
    for rows in found.mappings().partitions(_ROWS):
        target.execute(insert(table), [dict(row) for row in rows])


def _set_counters(connection: Connection) -> None:
    """A server counts the keys that it gives out beside the table; SQLite looks at the rows."""
    if connection.dialect.name != "postgresql":
        return
    for table, column in ((studies, "key"), (commands, "id")):
        highest = connection.execute(select(func.max(table.c[column]))).scalar()
        if highest is not None:
            place = {"table": table.name, "column": column, "highest": highest}
            connection.execute(text("SELECT setval(pg_get_serial_sequence(:table, :column), :highest)"), place)


def _whole(copy: Path, place: str) -> Examined:
    examined = examine_store(copy)
    if examined.findings:
        first = examined.findings[0]
        raise StoreError(
            f"the copy of {place} is not whole: {first.message}",
            hint="`reid-tune db check` tells what is wrong with the store",
        )
    return examined


@contextlib.contextmanager
def _removed_on_error(path: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        for name in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
            name.unlink(missing_ok=True)
        raise
