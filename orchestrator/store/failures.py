"""What a database driver's errors mean: which pass by themselves, and what the others say to a person."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, OperationalError

from orchestrator.store.protocol import StoreError
from reid_core.errors import ReidTuneError, ServerUnreachable

__all__ = ["explained", "place_of", "waited_out"]

_Result = TypeVar("_Result")

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0

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

_POSTGRESQL = {
    "53100": (
        "no space is left on the server of the store {place}; nothing of this call was recorded",
        "free some space there, then continue with `reid-tune run --resume`",
    ),
    "55P03": ("another process keeps the store {place} locked", "see which in pg_stat_activity, then try again"),
    "25006": ("the store {place} cannot be written", "name the primary server, not a read-only copy of it"),
    "42501": ("the store {place} refuses its user ({detail})", "grant that user all rights on the tables"),
    "XX001": ("the store {place} is damaged ({detail})", "restore it from a backup: `reid-tune db restore`"),
    "XX002": ("the store {place} is damaged ({detail})", "restore it from a backup: `reid-tune db restore`"),
}

_PASSING = ("08", "57P01", "57P02", "57P03", "53300", "40001", "40P01", "25P03")
"""SQLSTATEs of what a second attempt may not meet again: no connection, a restart, too many clients, a deadlock,
a transaction that was idle for too long."""


def place_of(url: URL) -> str:
    """How messages name the database: the file, or the address without its password and options."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return url.set(query={}).render_as_string(hide_password=True)


@contextlib.contextmanager
def explained(url: URL) -> Iterator[None]:
    """Turn a driver's error into one of the project's tree."""
    try:
        yield
    except DBAPIError as error:
        raise _explain(error, place_of(url)) from error


def waited_out(work: Callable[[], _Result], seconds: float) -> _Result:
    """What `work` returns, tried again with growing pauses for `seconds` while the server is away.

    The answer to a commit may be lost with the connection: `work` must look whether its first attempt is there.
    """
    end = time.monotonic() + seconds
    pause = _FIRST_PAUSE
    while True:
        try:
            return work()
        except DBAPIError as error:
            if not _passes(error) or time.monotonic() + pause > end:
                raise
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def _passes(error: DBAPIError) -> bool:
    state = getattr(error.orig, "sqlstate", "")
    if state == "":  # SQLite waits for its lock by itself, and nothing else passes
        return False
    if state is None:
        return error.connection_invalidated or isinstance(error, OperationalError)
    return str(state).startswith(_PASSING)


def _explain(error: DBAPIError, place: str) -> ReidTuneError:
    name = getattr(error.orig, "sqlite_errorname", "")
    state = getattr(error.orig, "sqlstate", None) or ""
    known = [line for prefix, line in _SQLITE.items() if name.startswith(prefix)]
    known += [line for code, line in _POSTGRESQL.items() if state == code]
    for message, hint in known:
        return StoreError(message.format(place=place, detail=error.orig), hint=hint)
    if _passes(error):
        return ServerUnreachable(
            f"the database {place} does not answer: {error.orig}",
            hint="check that it runs and lets you in; nothing is lost: `reid-tune run --resume` goes on",
        )
    return StoreError(f"the store {place} refused: {error.orig}")
