"""What every store promises. tests/contract/store_contract.py holds each implementation to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from orchestrator.events import CommandGiven, Event, Logged, StudyCreated, StudyStatus
from reid_core.errors import ReidTuneError

__all__ = ["OUTAGE_SECONDS", "Columns", "Lease", "PendingCommand", "Store", "StoreError", "StudyRow"]

OUTAGE_SECONDS = 120.0
"""How long whoever works unattended waits for a database server that went away (`Store.wait_for_server`)."""


class StoreError(ReidTuneError):
    """The store cannot be read or written (full disk, locked, damaged). Nothing of the refused call was kept."""


@dataclass(frozen=True, slots=True)
class StudyRow:
    """A line of the list of studies. `seq` is the number of its events; `updated_at` the time of the last one."""

    id: str
    name: str
    created_at: float
    updated_at: float
    seq: int
    status: StudyStatus
    archived: bool = False


@dataclass(frozen=True, slots=True)
class Lease:
    """Who may write a study's log. It is live while `now < expires`; the newest `token` alone may append."""

    study: str
    owner: str
    token: int
    since: float
    expires: float


@dataclass(frozen=True, slots=True)
class PendingCommand:
    """A command in the inbox that the controller has not heard yet."""

    id: int
    at: float
    command: CommandGiven


@dataclass(frozen=True, slots=True)
class Columns:
    """Reported epochs in columns of equal length, in log order; a metric that was not reported is None.

    `seq` is the last sequence number of the study that they take into account.
    """

    seq: int
    trial: tuple[int, ...]
    epoch: tuple[int, ...]
    metrics: dict[str, tuple[float | None, ...]]


class Store(Protocol):
    """Studies, each an append-only log of events with one writer at a time.

    `study` is a study's id everywhere except in `find`. Times are Unix seconds and come from the caller.
    Safe for the threads of a process; a store with an address also for many processes, each with a store
    of its own (open it after a fork, never before). Events are shared frozen values: do not change a dict in one.

    Raises NotFound for an unknown study, Conflict where another has the right, StoreError when the medium
    fails, ServerUnreachable when a database server does not answer. A call that raises changed nothing.
    """

    # studies ----------------------------------------------------------------
    def create_study(self, created: StudyCreated, at: float) -> None:
        """Begin a study: `created` becomes event 1. Conflict when its id or name is another study's."""

    def studies(self) -> list[StudyRow]:
        """Every study, newest first."""

    def find(self, ref: str) -> StudyRow:
        """A study by id, by name, or `latest` (the newest). NotFound suggests the nearest name."""

    def delete_study(self, study: str, *, now: float) -> None:
        """Remove a study with everything recorded about it. Conflict while a live lease is held."""

    # the log ----------------------------------------------------------------
    def append(
        self, study: str, events: Sequence[Event], *, token: int, at: float, taken: Sequence[int] = ()
    ) -> list[Logged]:
        """Add events, all or none, and mark the commands `taken` as heard in the same transaction.

        Sequence numbers have no gaps. Returns the events in their places. A second report of a
        (trial, epoch) is left out, in the log as in the list returned: the first one stands.
        Conflict when `token` is not the newest that `acquire` gave for this study: whoever lost the
        lease leaves without a trace.
        """

    def events(self, study: str, after: int = 0, limit: int | None = None) -> Iterator[Logged]:
        """Events with `seq > after`, in order and without gaps, as of the first one read; at most `limit`."""

    def last_seq(self, study: str) -> int:
        """The newest sequence number; cheap enough to poll several times a second."""

    def written(self) -> object:
        """Another value after almost every write, looked up in microseconds; None where only `last_seq` tells.

        Two writes within a clock tick of the file system may give one value: ask now and then all the same.
        """

    def columns(self, study: str, after: int = 0) -> Columns:
        """Every reported epoch with `seq > after`, in columns."""

    # the one writer ---------------------------------------------------------
    def acquire(self, study: str, owner: str, ttl: float, now: float) -> int:
        """Take the lease for `ttl` seconds and return a fencing token greater than every one before.

        `owner` names host and process for people. Conflict names the holder of a live lease, unless it
        is `owner` itself. A holder known to be dead can be removed: `release(study, holder.token)`.
        """

    def renew(self, study: str, token: int, ttl: float, now: float) -> bool:
        """Prolong the lease to `now + ttl`. False when it was released or another token is newer."""

    def release(self, study: str, token: int) -> None:
        """Give the lease up; nothing happens when it is no longer this token's."""

    def holder(self, study: str) -> Lease | None:
        """The lease as recorded, live or run out; None when nobody has taken it or it was released."""

    def now(self) -> float:
        """The time to measure leases by, in Unix seconds: that of the database's server, or of this machine.

        Machines whose clocks differ agree on who holds a lease when they pass this as `now`.
        """

    # commands from other processes ------------------------------------------
    def post(self, study: str, command: CommandGiven, at: float) -> int:
        """Put a command into the controller's inbox; needs no lease. Returns its id."""

    def pending(self, study: str) -> list[PendingCommand]:
        """Commands not yet heard, oldest first. `append(..., taken=ids)` records them and takes them out."""

    # cursors of projections -------------------------------------------------
    def cursor(self, study: str, name: str) -> int:
        """How far the projection `name` has come; 0 at first."""

    def set_cursor(self, study: str, name: str, seq: int) -> None:
        """Remember how far the projection `name` has come."""

    # slots from the daemon --------------------------------------------------
    def grant(self, study: str, slots: int | None) -> None:
        """Let the study's controller use at most `slots` of its workers; None: as many as it has."""

    def granted(self, study: str) -> int | None:
        """How many slots the daemon leaves the study now; None when nobody shares them out."""

    def wait_for_server(self, seconds: float) -> None:
        """Let every call wait up to `seconds` for a database server that went away, before ServerUnreachable.

        A few seconds at first. A controller waits long: what its trials do goes on meanwhile.
        """

    def close(self) -> None:
        """Let go of files and connections. The store must not be used afterwards."""
