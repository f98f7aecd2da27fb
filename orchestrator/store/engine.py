"""Database engines for the SQL store: how connections behave, and what their errors mean to a person."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from sqlite3 import Connection as SqliteConnection
from sqlite3 import OperationalError as SqliteOperationalError

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import ConnectionPoolEntry

from orchestrator.store.protocol import StoreError
from reid_core.errors import ReidTuneError, ServerUnreachable, UsageError

__all__ = ["WRITE", "explained", "make_engine", "place_of", "switch_to_wal"]

WRITE = "reid_tune_write"
"""Execution option of transactions that write: SQLite must take its lock at the beginning, else two
processes that read first and write later deadlock and one of them fails at once."""


def make_engine(url_or_path: str | Path, *, busy_seconds: float) -> Engine:
    """An engine for a SQLite file (its folder is made) or any database URL; nothing is opened yet."""
    url = _url_of(url_or_path)
    if url.get_backend_name() == "sqlite":
        if not url.database or url.database == ":memory:":
            raise UsageError("a SQLite store needs a file", hint="use MemoryStore for one that lives in memory")
        folder = Path(url.database).parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"cannot make the folder {folder}: {error.strerror}", hint="set REID_TUNE_HOME") from error
        engine = sa.create_engine(url, connect_args={"timeout": busy_seconds})
        event.listen(engine, "connect", _on_sqlite_connect)
        event.listen(engine, "begin", _on_sqlite_begin)
        return engine
    try:
        return sa.create_engine(url, pool_pre_ping=True)
    except NoSuchModuleError as error:
        raise UsageError(f"{place_of(url)}: {error}", hint="sqlite:///FILE and postgresql://… are supported") from error
    except ModuleNotFoundError as error:
        raise UsageError(
            f"{place_of(url)}: its driver {error.name!r} is not installed", hint="pip install 'reid-tune[postgres]'"
        ) from error


def place_of(url: URL) -> str:
    """How messages name the database: the file, or the address without its password."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return url.render_as_string(hide_password=True)


def switch_to_wal(engine: Engine, *, busy_seconds: float) -> None:
    """Readers do not wait for the writer. The switch stays in the file; SQLite does not wait for it by itself."""
    deadline = time.monotonic() + busy_seconds
    while True:
        raw = engine.raw_connection()
        try:
            mode = raw.cursor().execute("PRAGMA journal_mode=WAL").fetchone()[0]
        except SqliteOperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise DBAPIError.instance("PRAGMA journal_mode=WAL", None, error, SqliteOperationalError) from error
            time.sleep(0.02)
            continue
        finally:
            raw.close()
        if mode != "wal":
            raise StoreError(
                f"{place_of(engine.url)}: this file system does not support SQLite's shared log (mode {mode})",
                hint="put REID_TUNE_HOME on a local disk",
            )
        return


@contextlib.contextmanager
def explained(url: URL) -> Iterator[None]:
    """Turn a driver's error into one of the project's tree."""
    try:
        yield
    except DBAPIError as error:
        raise _explain(error, place_of(url)) from error


def _url_of(url_or_path: str | Path) -> URL:
    if isinstance(url_or_path, Path) or "://" not in url_or_path:
        return URL.create("sqlite", database=str(Path(url_or_path).expanduser()))
    try:
        url = make_url(url_or_path)
    except ArgumentError as error:
        raise UsageError(
            "the address of the store is not a URL", hint="write sqlite:///FILE or postgresql://USER@HOST/NAME"
        ) from error
    return url.set(drivername="postgresql+psycopg") if url.drivername == "postgresql" else url


def _on_sqlite_connect(connection: SqliteConnection, _record: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # transactions begin where _on_sqlite_begin says, not where the driver guesses
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA foreign_keys=ON")


def _on_sqlite_begin(connection: Connection) -> None:
    write = connection.get_execution_options().get(WRITE, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


_SQLITE = {
    "SQLITE_FULL": (
        "no space is left for the store {place}; nothing of this call was recorded",
        "free some space, then continue with `reid-tune run --resume`",
    ),
    "SQLITE_BUSY": ("another process keeps the store {place} locked", "see which with `fuser`, then try again"),
    "SQLITE_READONLY": ("the store {place} cannot be written", "check its owner and permissions"),
    "SQLITE_CANTOPEN": ("the store {place} cannot be opened", "check that it is a file that you may write"),
    "SQLITE_IOERR": ("the disk failed while the store {place} was used ({detail})", "check the disk, then resume"),
    "SQLITE_CORRUPT": ("the store {place} is damaged ({detail})", "restore it from a backup, or move it away"),
    "SQLITE_NOTADB": ("{place} is not a database", "name another file, or move this one away"),
}


def _explain(error: DBAPIError, place: str) -> ReidTuneError:
    code = getattr(error.orig, "sqlite_errorname", "")
    for prefix, (message, hint) in _SQLITE.items():
        if code.startswith(prefix):
            return StoreError(message.format(place=place, detail=error.orig), hint=hint)
    if error.connection_invalidated or (not code and isinstance(error, sa.exc.OperationalError)):
        return ServerUnreachable(f"the database {place} does not answer: {error.orig}", hint="check that it is running")
    return StoreError(f"the store {place} refused: {error.orig}")
