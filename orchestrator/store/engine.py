"""Database engines for the SQL store: how connections to each kind of database behave, and its locks and clock."""

from __future__ import annotations

import time
from pathlib import Path
from sqlite3 import Connection as SqliteConnection
from sqlite3 import OperationalError as SqliteOperationalError
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import ConnectionPoolEntry

from orchestrator.store.failures import place_of
from orchestrator.store.protocol import StoreError
from reid_core.errors import Conflict, UsageError

__all__ = ["WRITE", "ServerClock", "check_encoding", "is_server", "lock_alone", "make_engine", "switch_to_wal"]

WRITE = "reid_tune_write"
"""Execution option of transactions that write: SQLite must take its lock at the beginning, else two
processes that read first and write later deadlock and one of them fails at once."""

_ALONE = 0x7265_6964  # any number that no other program locks; it spells "reid"

_CONNECTING = {
    "application_name": "reid-tune",
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
"""A server whose network is cut is missed after 20 to 25 s, not after the hours of the system's own setting."""

_HUNG_SECONDS = 15
"""A stopped process must not keep a study locked: the server ends a transaction that does nothing for so long."""


def make_engine(url_or_path: str | Path, *, busy_seconds: float) -> Engine:
    """An engine for a SQLite file (its folder is made) or any database URL; nothing is opened yet."""
    url = _url_of(url_or_path)
    if url.get_backend_name() == "sqlite":
        return _sqlite_engine(url, busy_seconds)
    try:
        return _server_engine(url, busy_seconds)
    except NoSuchModuleError as error:
        raise UsageError(f"{place_of(url)}: {error}", hint="sqlite:///FILE and postgresql://… are supported") from error
    except ModuleNotFoundError as error:
        raise UsageError(
            f"{place_of(url)}: its driver {error.name!r} is not installed", hint="pip install 'reid-tune[postgres]'"
        ) from error


def is_server(engine: Engine) -> bool:
    """Whether other programs than this one keep the data: its locks, clock and outages are its own."""
    return engine.dialect.name != "sqlite"


def lock_alone(connection: Connection) -> None:
    """Let one transaction at a time go on from here: the others wait, then see what it did.

    For what no row stands for yet: making or changing tables, and names of new studies. SQLite's writers are
    alone anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:number)"), {"number": _ALONE})


def check_encoding(connection: Connection, place: str) -> None:
    """Raise Conflict for a database that cannot hold every name."""
    if connection.dialect.name != "postgresql":
        return
    encoding = connection.execute(sa.text("SHOW server_encoding")).scalar_one()
    if encoding != "UTF8":
        raise Conflict(
            f"the database {place} has the encoding {encoding}, which cannot hold every name",
            hint="make one with `createdb --encoding=UTF8 --template=template0`",
        )


class ServerClock:
    """The time that leases are measured by, in Unix seconds: the database server's, the same for every machine.

    Asked once a minute; in between this machine's steady clock goes on from there, so that setting the date of a
    machine, by hand or by mistake, neither ends a lease nor prolongs one. A renewal of a lease tells it by the way
    (`ASKED` among what it returns), so that on a slow server no renewal has to wait for the question.
    """

    ASKED = "extract(epoch FROM clock_timestamp())"
    _SECONDS = 60.0

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: tuple[float, float] | None = None

    def __call__(self) -> float:
        """Now."""
        known, steady = self._known, time.monotonic()
        if known is not None and steady - known[1] < self._SECONDS:
            return known[0] + steady - known[1]
        try:
            with self._engine.connect() as connection:
                asked = time.monotonic()
                told = float(connection.execute(sa.text(f"SELECT {self.ASKED}")).scalar_one())
                known = self.tell(told, asked)
        except DBAPIError:
            if known is None:
                raise
        return known[0] + time.monotonic() - known[1]

    def tell(self, told: float, asked: float) -> tuple[float, float]:
        """Note what the server answered just now to a question of then (steady seconds): half way, it was so late."""
        self._known = known = (told, (asked + time.monotonic()) / 2)
        return known


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


def _url_of(url_or_path: str | Path) -> URL:
    if isinstance(url_or_path, Path) or "://" not in url_or_path:
        return URL.create("sqlite", database=str(Path(url_or_path).expanduser()))
    try:
        url = make_url(url_or_path)
    except (ArgumentError, ValueError):
        raise UsageError(
            "the address of the store is not a URL",
            hint="write sqlite:///FILE or postgresql://USER@HOST/NAME; in a password, % stands before two digits",
        ) from None  # what Python says of it may hold the password
    return url.set(drivername="postgresql+psycopg") if url.drivername in {"postgresql", "postgres"} else url


def _sqlite_engine(url: URL, busy_seconds: float) -> Engine:
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


def _server_engine(url: URL, busy_seconds: float) -> Engine:
    if url.get_backend_name() != "postgresql":
        return sa.create_engine(url, pool_pre_ping=True)
    arguments = {name: value for name, value in _CONNECTING.items() if name not in url.query}
    engine = sa.create_engine(url, pool_pre_ping=True, isolation_level="READ COMMITTED", connect_args=arguments)
    limits = f"SET lock_timeout = '{1000 * busy_seconds:.0f}ms'; "
    limits += f"SET idle_in_transaction_session_timeout = '{_HUNG_SECONDS}s'"

    def on_connect(connection: Any, _record: ConnectionPoolEntry) -> None:  # psycopg need not be installed
        connection.autocommit = True
        connection.execute(limits)
        connection.autocommit = False

    event.listen(engine, "connect", on_connect)
    return engine


def _on_sqlite_connect(connection: SqliteConnection, _record: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # transactions begin where _on_sqlite_begin says, not where the driver guesses
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA foreign_keys=ON")


def _on_sqlite_begin(connection: Connection) -> None:
    write = connection.get_execution_options().get(WRITE, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
