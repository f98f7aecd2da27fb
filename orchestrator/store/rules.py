"""What every store answers alike: pure functions over rows and leases, and the messages of refusals."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime

from orchestrator.events import (
    CommandGiven,
    CommandKind,
    ControllerStarted,
    EpochReported,
    Event,
    StudyCreated,
    StudyEnded,
    StudyStatus,
)
from orchestrator.events.state import is_queued_by
from orchestrator.store.protocol import Lease, StudyRow
from reid_core.errors import Conflict, NotFound, UsageError

__all__ = [
    "LATEST",
    "archived_after",
    "check_created",
    "check_lease_free",
    "check_not_running",
    "check_token",
    "check_unused",
    "pick",
    "status_after",
    "unknown_study",
    "without_repeated_reports",
]

LATEST = "latest"

_COMMANDED = {
    CommandKind.PAUSE: StudyStatus.PAUSED,
    CommandKind.RESUME: StudyStatus.RUNNING,
    CommandKind.STOP: StudyStatus.STOPPED,
    CommandKind.QUEUE: StudyStatus.QUEUED,
}
_OVER = {StudyStatus.COMPLETED, StudyStatus.STOPPED, StudyStatus.FAILED}


def check_created(created: StudyCreated, others: Collection[StudyRow]) -> None:
    """Raise Conflict when another study answers to this id or name, UsageError when no reference could reach it."""
    if not created.study or not created.name:
        raise UsageError("a study needs an id and a name", hint="give it one with --name")
    if LATEST in {created.study, created.name}:
        raise UsageError(
            f"a study cannot be called {LATEST!r}", hint=f"{LATEST!r} stands for the newest study; choose another name"
        )
    check_unused({created.study, created.name}, created.name, others)


def check_unused(wanted: Collection[str], name: str, others: Collection[StudyRow]) -> None:
    """Raise Conflict when one of the studies answers to one of these references; `name` is that of the new study."""
    for row in others:
        if row.name in wanted or row.id in wanted:
            taken = f"named {name!r}" if row.name in wanted else f"with id {row.id!r}"
            raise Conflict(
                f"there is already a study {taken} (id {row.id}, created {_when(row.created_at)})",
                hint=f"choose another --name, continue that one with `reid-tune run --resume {row.name}`, "
                f"or delete it with `reid-tune studies delete {row.name}`",
            )


def pick(ref: str, rows: Sequence[StudyRow]) -> StudyRow:
    """The study that `ref` means, out of `rows` (newest first): an id, a name, or `latest`."""
    if ref == LATEST and rows:
        return rows[0]
    for row in rows:
        if row.id == ref:
            return row
    for row in rows:
        if row.name == ref:
            return row
    raise unknown_study(ref, rows)


def unknown_study(ref: str, rows: Iterable[StudyRow] = ()) -> NotFound:
    """The error for a reference that meets no study, with the nearest name or id."""
    known = [text for row in rows for text in (row.name, row.id)]
    if not known:
        return NotFound(f"there is no study {ref!r}", hint="start one with `reid-tune run`")
    near = difflib.get_close_matches(ref, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else "`reid-tune studies ls` lists the studies"
    return NotFound(f"there is no study {ref!r}", hint=hint)


def check_lease_free(lease: Lease | None, owner: str, now: float) -> None:
    """Raise Conflict when somebody other than `owner` holds a live lease."""
    if lease is None or lease.owner == owner or lease.expires <= now:
        return
    raise Conflict(
        f"study {lease.study} is already run by {lease.owner}, since {_when(lease.since)}",
        hint=f"stop that one, or wait: its lease ends in {lease.expires - now:.0f} s unless it is renewed",
    )


def check_not_running(lease: Lease | None, now: float) -> None:
    """Raise Conflict when a controller is at work, whoever it is."""
    if lease is not None and lease.expires > now:
        raise Conflict(
            f"study {lease.study} is being run by {lease.owner}, since {_when(lease.since)}",
            hint="stop it first: `reid-tune studies stop`",
        )


def check_token(study: str, token: int, newest: int, lease: Lease | None) -> None:
    """Raise Conflict unless `token` is the newest that was given out for this study."""
    if token == newest and token > 0:
        return
    who = f"; {lease.owner} has taken it over, at {_when(lease.since)}" if lease is not None else ""
    raise Conflict(
        f"this controller no longer holds study {study} (its token is {token}, the newest {newest}){who}",
        hint="it recorded nothing more; the new controller goes on from the log",
    )


def without_repeated_reports(events: Sequence[Event], known: Collection[tuple[int, int]]) -> list[Event]:
    """`events` less every report of a (trial, epoch) that is in `known` or earlier in the batch."""
    seen = set(known)
    kept: list[Event] = []
    for event in events:
        if isinstance(event, EpochReported):
            if (event.trial, event.epoch) in seen:
                continue
            seen.add((event.trial, event.epoch))
        kept.append(event)
    return kept


def status_after(status: StudyStatus, events: Iterable[Event]) -> StudyStatus:
    """The study's status after `events`; the same as StudyState's, without folding the log."""
    for event in events:
        match event:
            case StudyCreated():
                status = StudyStatus.CREATED
            case ControllerStarted():
                status = StudyStatus.RUNNING
            case CommandGiven(command=CommandKind.QUEUE) if status in _OVER or not is_queued_by(event, status):
                pass
            case CommandGiven():
                if status not in _OVER:
                    status = _COMMANDED.get(event.command, status)
                elif event.command is CommandKind.EXTEND:
                    status = StudyStatus.PAUSED
            case StudyEnded() if status not in {StudyStatus.COMPLETED, StudyStatus.FAILED}:
                status = event.status
            case _:
                pass
    return status


def archived_after(archived: bool, events: Iterable[Event]) -> bool:
    """Whether the study is archived after `events`."""
    for event in events:
        if isinstance(event, CommandGiven) and event.command in {CommandKind.ARCHIVE, CommandKind.UNARCHIVE}:
            archived = event.command is CommandKind.ARCHIVE
    return archived


def _when(at: float) -> str:
    return datetime.fromtimestamp(at, tz=UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
