"""A store in this process's memory: for tests and for trying a search without a home folder."""

from __future__ import annotations

import bisect
import itertools
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from orchestrator.events import CommandGiven, EpochReported, Event, Logged, StudyCreated, StudyStatus
from orchestrator.store import rules
from orchestrator.store.columns import columns_of
from orchestrator.store.protocol import Columns, Lease, PendingCommand, StudyRow

__all__ = ["MemoryStore"]


@dataclass(slots=True)
class _Study:
    row: StudyRow
    log: list[Logged] = field(default_factory=list)
    reported: set[tuple[int, int]] = field(default_factory=set)
    token: int = 0
    lease: Lease | None = None
    inbox: dict[int, PendingCommand] = field(default_factory=dict)
    cursors: dict[str, int] = field(default_factory=dict)
    granted: int | None = None


class MemoryStore:
    """The Store protocol over lists. Everything is gone when the process ends."""

    def __init__(self) -> None:
        self._studies: dict[str, _Study] = {}
        self._lock = threading.RLock()
        self._ids = itertools.count(1)

    # studies ----------------------------------------------------------------
    def create_study(self, created: StudyCreated, at: float) -> None:
        """Begin a study: `created` becomes event 1."""
        with self._lock:
            rules.check_created(created, [study.row for study in self._studies.values()])
            row = StudyRow(created.study, created.name, at, at, 1, StudyStatus.CREATED)
            self._studies[created.study] = _Study(row, [Logged(1, at, created)])

    def studies(self) -> list[StudyRow]:
        """Every study, newest first."""
        with self._lock:
            rows = [study.row for study in self._studies.values()]
        ranked = sorted(enumerate(rows), key=lambda placed: (placed[1].created_at, placed[0]), reverse=True)
        return [row for _, row in ranked]

    def find(self, ref: str) -> StudyRow:
        """A study by id, by name, or `latest`."""
        return rules.pick(ref, self.studies())

    def delete_study(self, study: str, *, now: float) -> None:
        """Remove a study with everything recorded about it."""
        with self._lock:
            rules.check_not_running(self._get(study).lease, now)
            del self._studies[study]

    # the log ----------------------------------------------------------------
    def append(
        self, study: str, events: Sequence[Event], *, token: int, at: float, taken: Sequence[int] = ()
    ) -> list[Logged]:
        """Add events, all or none, and mark the commands `taken` as heard."""
        with self._lock:
            entry = self._get(study)
            rules.check_token(study, token, entry.token, entry.lease)
            kept = rules.without_repeated_reports(events, entry.reported)
            row = entry.row
            logged = [Logged(row.seq + i, at, event) for i, event in enumerate(kept, 1)]
            entry.log.extend(logged)
            entry.reported.update((e.trial, e.epoch) for e in kept if isinstance(e, EpochReported))
            for command in taken:
                entry.inbox.pop(command, None)
            if logged:
                status = rules.status_after(row.status, kept)
                archived = rules.archived_after(row.archived, kept)
                entry.row = StudyRow(row.id, row.name, row.created_at, at, row.seq + len(logged), status, archived)
            return logged

    def events(self, study: str, after: int = 0, limit: int | None = None) -> Iterator[Logged]:
        """Events with `seq > after`, in order."""
        with self._lock:
            log = self._get(study).log
            end = len(log) if limit is None else min(len(log), after + limit)
            return iter(log[max(after, 0) : end])

    def last_seq(self, study: str) -> int:
        """The newest sequence number."""
        with self._lock:
            return self._get(study).row.seq

    def written(self) -> object:
        """Unknown: asking costs nothing here."""
        return None

    def columns(self, study: str, after: int = 0) -> Columns:
        """Every reported epoch with `seq > after`, in columns."""
        with self._lock:
            log = self._get(study).log
            first = bisect.bisect_right(log, after, key=lambda logged: logged.seq)
            reports = [logged.event for logged in log[first:] if isinstance(logged.event, EpochReported)]
            return columns_of(len(log), [(event.trial, event.epoch) for event in reports], [e.metrics for e in reports])

    # the one writer ---------------------------------------------------------
    def acquire(self, study: str, owner: str, ttl: float, now: float) -> int:
        """Take the lease and return a fencing token."""
        with self._lock:
            entry = self._get(study)
            rules.check_lease_free(entry.lease, owner, now)
            entry.token += 1
            entry.lease = Lease(study, owner, entry.token, now, now + ttl)
            return entry.token

    def renew(self, study: str, token: int, ttl: float, now: float) -> bool:
        """Prolong the lease; False when it is no longer this token's."""
        with self._lock:
            entry = self._get(study)
            if entry.lease is None or entry.lease.token != token:
                return False
            entry.lease = Lease(study, entry.lease.owner, token, entry.lease.since, now + ttl)
            return True

    def release(self, study: str, token: int) -> None:
        """Give the lease up."""
        with self._lock:
            entry = self._get(study)
            if entry.lease is not None and entry.lease.token == token:
                entry.lease = None

    def holder(self, study: str) -> Lease | None:
        """The lease as recorded."""
        with self._lock:
            return self._get(study).lease

    def now(self) -> float:
        """This machine's time."""
        return time.time()

    # commands and cursors ---------------------------------------------------
    def post(self, study: str, command: CommandGiven, at: float) -> int:
        """Put a command into the controller's inbox."""
        with self._lock:
            inbox = self._get(study).inbox
            number = next(self._ids)
            inbox[number] = PendingCommand(number, at, command)
            return number

    def pending(self, study: str) -> list[PendingCommand]:
        """Commands not yet heard, oldest first."""
        with self._lock:
            return list(self._get(study).inbox.values())

    def cursor(self, study: str, name: str) -> int:
        """How far the projection `name` has come."""
        with self._lock:
            return self._get(study).cursors.get(name, 0)

    def set_cursor(self, study: str, name: str, seq: int) -> None:
        """Remember how far the projection `name` has come."""
        with self._lock:
            self._get(study).cursors[name] = seq

    def grant(self, study: str, slots: int | None) -> None:
        """Let the study's controller use at most `slots` of its workers."""
        with self._lock:
            self._get(study).granted = slots

    def granted(self, study: str) -> int | None:
        """How many slots the daemon leaves the study now."""
        with self._lock:
            return self._get(study).granted

    def wait_for_server(self, seconds: float) -> None:
        """There is no server."""

    def close(self) -> None:
        """Nothing to let go of."""

    def _get(self, study: str) -> _Study:
        try:
            return self._studies[study]
        except KeyError:
            raise rules.unknown_study(study, self.studies()) from None
