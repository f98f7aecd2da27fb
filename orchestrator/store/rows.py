"""Rows of the event and metric tables turned into events: a whole page at a time, every value checked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import TypeAlias

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Row

from orchestrator.events import EpochReported, Event, Logged, event_from_json
from orchestrator.store.protocol import StoreError

__all__ = ["logged_of", "metrics_of"]

_EVENTS: TypeAdapter[list[Event]] = TypeAdapter(list[Event])
_METRICS: TypeAdapter[dict[str, float]] = TypeAdapter(dict[str, float])
_MANY_METRICS: TypeAdapter[list[dict[str, float]]] = TypeAdapter(list[dict[str, float]])

Told: TypeAlias = Row[int, float, str]
Report: TypeAlias = Row[int, float, int, int, int, str]


def logged_of(told: Sequence[Told], reports: Sequence[Report], place: str) -> list[Logged]:
    """Events (seq, at, body) and reports (seq, at, trial, segment, epoch, body) together, in the order of seq.

    Raises StoreError naming the first row that is not what this software writes.
    """
    trials, segments, epochs = [row[2] for row in reports], [row[3] for row in reports], [row[4] for row in reports]
    for numbers in (trials, segments, epochs):
        if not set(map(type, numbers)) <= {int}:
            wrong = next(row for row in reports if any(type(number) is not int for number in row[2:5]))
            raise _damaged(wrong[0], place, f"trial, segment and epoch are {wrong[2]!r}, {wrong[3]!r}, {wrong[4]!r}")
    seqs = [row[0] for row in reports]
    metrics = metrics_of(seqs, [row[5] for row in reports], place)
    points = map(EpochReported.of_row, trials, segments, epochs, metrics)
    found = [Logged(row[0], row[1], event) for row, event in zip(told, _events(told, place), strict=True)]
    found += map(Logged, seqs, [row[1] for row in reports], points)
    found.sort(key=attrgetter("seq"))
    return found


def metrics_of(seqs: Sequence[int], bodies: Sequence[str], place: str) -> list[dict[str, float]]:
    """The metrics of reports; `seqs` are their numbers, for the error."""
    try:
        parsed = _MANY_METRICS.validate_json(_list(bodies))
    except ValidationError:
        parsed = []
    if len(parsed) == len(bodies):
        return parsed
    for seq, body in zip(seqs, bodies, strict=True):
        try:
            _METRICS.validate_json(body)
        except ValidationError as error:
            raise _damaged(seq, place, _first(error)) from error
    raise _damaged(seqs[0], place, "its page does not hold one report a row")


def _events(told: Sequence[Told], place: str) -> list[Event]:
    bodies = [row[2] for row in told]
    try:
        parsed = _EVENTS.validate_json(_list(bodies))
    except ValidationError:
        parsed = []
    if len(parsed) == len(bodies):
        return parsed
    for row in told:
        try:
            event_from_json(row[2])
        except ValidationError as error:
            raise _damaged(row[0], place, _first(error)) from error
    raise _damaged(told[0][0], place, "its page does not hold one event a row")


def _list(bodies: Iterable[str]) -> str:
    return f"[{','.join(bodies)}]"


def _first(error: ValidationError) -> str:
    detail = error.errors(include_url=False, include_context=False)[0]
    return f"{'.'.join(str(part) for part in detail['loc'])}: {detail['msg']}".removeprefix(": ")


def _damaged(seq: int, place: str, why: str) -> StoreError:
    return StoreError(
        f"event {seq} in {place} cannot be read ({why})",
        hint="the store is damaged or was changed by hand: restore it from a backup, or delete the study",
    )
