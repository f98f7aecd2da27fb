"""The tables of the SQL store, their version, and the way forward from every older one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from sqlalchemy import (
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    inspect,
    text,
)

from orchestrator.store.protocol import StoreError
from reid_core.errors import Conflict

__all__ = ["VERSION", "commands", "cursors", "events", "leases", "metrics", "prepare", "recorded_version", "studies"]

VERSION = 3

_tables = MetaData()


def _study_key(*, primary: bool = False) -> Column[int]:
    return Column(
        "study", ForeignKey("studies.key", ondelete="CASCADE"), primary_key=primary, nullable=False, autoincrement=False
    )


schema_version = Table("reid_tune_schema", _tables, Column("version", Integer, nullable=False))

studies = Table(
    "studies",
    _tables,
    Column("key", Integer, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False, unique=True),
    Column("created_at", Float(53), nullable=False),
    Column("updated_at", Float(53), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("token", Integer, nullable=False),
    Column("status", Text, nullable=False, server_default="created"),
    Column("archived", Integer, nullable=False, server_default="0"),  # 0 or 1, the same in every database
    Column("granted", Integer, nullable=True),  # slots that the daemon leaves it; NULL: nobody shares them out
    sqlite_autoincrement=True,  # the key of a deleted study must not come back
)

events = Table(
    "events",
    _tables,
    _study_key(primary=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", Float(53), nullable=False),
    Column("body", Text, nullable=False),
    sqlite_with_rowid=False,
)

metrics = Table(
    "metrics",
    _tables,
    _study_key(primary=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("trial", Integer, nullable=False),
    Column("segment", Integer, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("at", Float(53), nullable=False),
    Column("body", Text, nullable=False),  # the metrics as a JSON object; NaN and Infinity spelled as Python does
    UniqueConstraint("study", "trial", "epoch", name="one_report_an_epoch"),
    sqlite_with_rowid=False,
)

leases = Table(
    "leases",
    _tables,
    _study_key(primary=True),
    Column("token", Integer, nullable=False),
    Column("owner", Text, nullable=False),
    Column("since", Float(53), nullable=False),
    Column("expires", Float(53), nullable=False),
)

commands = Table(
    "commands",
    _tables,
    Column("id", Integer, primary_key=True),
    _study_key(),
    Column("at", Float(53), nullable=False),
    Column("body", Text, nullable=False),
    Index("commands_by_study", "study"),
    sqlite_autoincrement=True,  # a controller that took a command must not take a later one by the same id
)

cursors = Table(
    "cursors",
    _tables,
    _study_key(primary=True),
    Column("name", Text, primary_key=True),
    Column("seq", Integer, nullable=False),
)


def recorded_version(connection: Connection, place: str) -> int:
    """The version of the tables found: 0 for an empty database.

    Raises Conflict for tables of a newer release and for tables that are not this store's.
    """
    found = inspect(connection).get_table_names()
    if not found:
        return 0
    if schema_version.name not in found:
        raise Conflict(
            f"{place} is a database of something else (it holds {', '.join(sorted(found)[:3])} …)",
            hint="name another file, or move REID_TUNE_HOME",
        )
    version = connection.execute(schema_version.select()).scalar()
    if version is None:
        raise StoreError(f"{place} does not say which version its tables have", hint="restore it from a backup")
    if version > VERSION:
        raise Conflict(
            f"{place} was written by a newer reid-tune (tables of version {version}; this one knows {VERSION})",
            hint="upgrade reid-tune, or use another REID_TUNE_HOME",
        )
    return int(version)


def prepare(connection: Connection, place: str, *, before: Callable[[Connection, int], None] = lambda *_: None) -> int:
    """Create the tables, or bring older ones forward, in the caller's transaction; the version that it found.

    `before` is called before older tables are changed, and may refuse.
    """
    version = recorded_version(connection, place)
    if version == 0:
        _tables.create_all(connection)
        connection.execute(schema_version.insert().values(version=VERSION))
        return version
    if version < VERSION:
        before(connection, version)
    for step in range(version, VERSION):
        try:
            _MIGRATIONS[step](connection)
        except (LookupError, ValueError) as error:
            raise StoreError(
                f"{place} has tables of version {step} that could not be brought forward: {error!r}",
                hint="it was left as it was; restore it from a backup, or move it away and start anew",
            ) from error
    if version < VERSION:
        connection.execute(schema_version.update().values(version=VERSION))
    return version


def _add_status(connection: Connection) -> None:
    """1 -> 2: the list of studies shows a status without folding every log.

    A migration spells table and event names itself: those above change with later versions, it must not.
    """
    connection.execute(text("ALTER TABLE studies ADD COLUMN status TEXT DEFAULT 'created' NOT NULL"))
    commanded = {"pause": "paused", "resume": "running", "stop": "stopped"}
    keys = connection.execute(text("SELECT key FROM studies ORDER BY key")).scalars().all()
    for key in keys:
        status = "created"
        log = connection.execute(text("SELECT body FROM events WHERE study = :key ORDER BY seq"), {"key": key})
        for body in log.scalars():
            event = json.loads(body)
            match event["kind"]:
                case "controller_started":
                    status = "running"
                case "command_given":
                    status = commanded.get(event["command"], status)
                case "study_ended":
                    status = event["status"]
                case _:
                    pass
        connection.execute(text("UPDATE studies SET status = :status WHERE key = :key"), {"status": status, "key": key})


def _add_sharing(connection: Connection) -> None:
    """2 -> 3: studies can be archived, and share slots."""
    connection.execute(text("ALTER TABLE studies ADD COLUMN archived INTEGER DEFAULT 0 NOT NULL"))
    connection.execute(text("ALTER TABLE studies ADD COLUMN granted INTEGER"))


_MIGRATIONS: Mapping[int, Callable[[Connection], None]] = {1: _add_status, 2: _add_sharing}
