"""How a command reaches a study's log: through its controller, or straight into it while nobody runs the study."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.control.aside import write_aside
from orchestrator.events import CommandGiven, CommandKind
from orchestrator.service.processes import release_if_dead
from orchestrator.store import Store
from reid_core.errors import Conflict

__all__ = ["MOST_WAITING", "ask", "ask_on", "record"]

MOST_WAITING = 1000
"""Requests in the inbox of a controller."""


def ask(store: Store, study: str, command: CommandGiven, now: float) -> bool:
    """Record `command` at once and return True; with a live controller, leave it in its inbox and return False.

    A study that nobody runs has ended when a stop is recorded; a controller finds that out by itself. Raises Conflict
    when more waits there than anybody asks for by hand: each view of the study reads all of it.
    """
    if record(store, study, [command], now):
        return True
    if len(store.pending(study)) >= MOST_WAITING:
        message = f"{MOST_WAITING} requests wait already for the controller of study {study}"
        raise Conflict(message, hint="look whether it is alive: `reid-tune status`, `reid-tune doctor`")
    store.post(study, command, now)
    return record(store, study, [], now)  # whoever held the log may have left before it could hear


def ask_on(store: Store, study: str, by: str, now: float) -> bool:
    """Record, once, that somebody lets a study go on whose controller starts next; else as `ask`."""
    last = [one.event for one in store.events(study, after=max(0, store.last_seq(study) - 1))]
    match last:
        case [CommandGiven(command=CommandKind.RESUME) as asked] if asked.by == by:
            return True
    return ask(store, study, CommandGiven(command=CommandKind.RESUME, by=by), now)


def record(store: Store, study: str, commands: Sequence[CommandGiven], now: float) -> bool:
    """Write what waits in the inbox and `commands` into the log; False, with nothing written, while somebody runs it.

    A study that was asked to stop, by whomever, ends with it.
    """
    release_if_dead(store, study)
    return write_aside(store, study, commands, now)
