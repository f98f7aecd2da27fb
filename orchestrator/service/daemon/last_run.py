"""What the log of a study says of its last controller: whether it took over, and who paused it."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.events import CommandGiven, CommandKind, ControllerStarted, Event
from orchestrator.service.controller_process import SIGNAL
from orchestrator.store import Store, StudyRow

__all__ = ["last_run", "paused_by_a_signal", "started_by"]

_LAST_EVENTS = 50


def last_run(store: Store, row: StudyRow) -> list[Event]:
    """The events since its last controller started; after a signal every running segment still writes some."""
    many = _LAST_EVENTS
    while True:
        after = max(0, row.seq - many)
        events = [one.event for one in store.events(row.id, after=after)]
        starts = [place for place, one in enumerate(events) if isinstance(one, ControllerStarted)]
        if starts or not after:
            return events[starts[-1] :] if starts else events
        many *= 4


def started_by(events: Sequence[Event]) -> str:
    """The controller of this run, as `host:pid`; empty when none ever took the study over."""
    return events[0].owner if events and isinstance(events[0], ControllerStarted) else ""


def paused_by_a_signal(events: Sequence[Event]) -> bool:
    """Whether it was a signal alone that paused this run: a machine that stops sends one to every process."""
    by: list[str] = []
    for event in events:
        match event:
            case CommandGiven(command=CommandKind.PAUSE):
                by.append(event.by)
            case CommandGiven(command=CommandKind.RESUME):
                by.clear()
            case _:
                pass
    return bool(by) and set(by) == {SIGNAL}
