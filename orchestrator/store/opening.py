"""Opening a store: making it, refusing what is not one, and bringing older tables forward."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, func, select

from orchestrator.store.engine import WRITE, check_encoding, is_server, lock_alone, make_engine, switch_to_wal
from orchestrator.store.failures import explained, place_of
from orchestrator.store.protocol import StoreError
from orchestrator.store.schema import VERSION, prepare, recorded_version, studies
from orchestrator.store.sql import SqlStore
from reid_core.errors import Conflict

__all__ = ["Upgrade", "copy_sqlite", "open_store", "upgrade_store"]

BUSY_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What `upgrade_store` did: versions before (0: an empty database) and after, and the copy of the old file."""

    place: str
    before: int
    after: int
    backup: Path | None = None


def open_store(url_or_path: str | Path, *, busy_seconds: float = BUSY_SECONDS) -> SqlStore:
    """Open the store at a path or URL; make it when it is not there.

    An older SQLite file is copied beside itself and brought forward. An older database on a server is only when
    it holds no study: others may use it, and `upgrade_store` is for whoever keeps it.
    Raises Conflict for a database of something else, of a newer release, or of an older one on a server;
    StoreError for one that cannot be used, ServerUnreachable when a server does not answer, UsageError for a bad
    address.
    """
    engine = make_engine(url_or_path, busy_seconds=busy_seconds)
    with _disposed_on_error(engine), explained(engine.url):
        if _version(engine, busy_seconds) != VERSION:
            _bring_forward(engine, unasked=True)
    return SqlStore(engine)


def upgrade_store(url_or_path: str | Path, *, busy_seconds: float = BUSY_SECONDS) -> Upgrade:
    """Bring the tables at a path or URL to this release's version; nothing happens when they are there already.

    One process does it, others that ask at once wait and find it done. All or nothing: after an error the tables
    are as they were. Raises as `open_store`.
    """
    engine = make_engine(url_or_path, busy_seconds=busy_seconds)
    try:
        with explained(engine.url):
            _version(engine, busy_seconds)
            return _bring_forward(engine, unasked=False)
    finally:
        engine.dispose()


def copy_sqlite(source: Path, target: Path) -> None:
    """A consistent copy of a SQLite file that others may be writing, as one file. Raises sqlite3.Error, OSError."""
    with contextlib.closing(sqlite3.connect(source)) as old, contextlib.closing(sqlite3.connect(target)) as new:
        old.backup(new)
        new.execute("PRAGMA journal_mode=DELETE")


def _version(engine: Engine, busy_seconds: float) -> int:
    with engine.connect() as connection:
        version = recorded_version(connection, place_of(engine.url))
    if not is_server(engine):
        switch_to_wal(engine, busy_seconds=busy_seconds)
    return version


def _bring_forward(engine: Engine, *, unasked: bool) -> Upgrade:
    place = place_of(engine.url)
    backups: list[Path] = []

    def before(connection: Connection, version: int) -> None:
        if not is_server(engine):
            backups.append(_copy_beside(Path(str(engine.url.database)), version))
        elif unasked and connection.execute(select(func.count()).select_from(studies)).scalar_one():
            raise Conflict(
                f"the database {place} has tables of version {version}; this release works with version {VERSION}",
                hint="make a backup and run `reid-tune db upgrade`; controllers of the older release must rest",
            )

    with engine.execution_options(**{WRITE: True}).begin() as connection:
        lock_alone(connection)
        check_encoding(connection, place)
        version = prepare(connection, place, before=before)
    return Upgrade(place, version, VERSION, backups[0] if backups else None)


def _copy_beside(path: Path, version: int) -> Path:
    free = (path.with_name(f"{path.name}.version-{version}{mark}") for mark in _marks())
    target = next(name for name in free if not name.exists())
    try:
        copy_sqlite(path, target)
    except (sqlite3.Error, OSError) as error:
        target.unlink(missing_ok=True)
        raise StoreError(
            f"{path} has tables of version {version}, and no copy of it could be kept before changing it: {error}",
            hint="free some space beside it; it was left as it was",
        ) from error
    return target


def _marks() -> Iterator[str]:
    yield ""
    number = 1
    while True:
        number += 1
        yield f"-{number}"


@contextlib.contextmanager
def _disposed_on_error(engine: Engine) -> Iterator[None]:
    try:
        yield
    except BaseException:
        engine.dispose()
        raise
