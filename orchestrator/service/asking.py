"""How a command reaches a study's log: through its controller, or straight into it while nobody runs the study."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence

from orchestrator.events import CommandGiven, Event
from orchestrator.service.processes import is_dead
from orchestrator.store import Store
from reid_core.errors import Conflict

__all__ = ["ask", "record"]

_SECONDS = 15.0


def ask(store: Store, study: str, command: CommandGiven, now: float, then: Sequence[Event] = ()) -> bool:
    """Record `command` at once and return True; with a live controller, leave it in its inbox and return False.

    `then` is what follows of it where nobody runs the study; a controller finds that out by itself.
    """
    if record(store, study, [command, *then], now):
        return True
    store.post(study, command, now)
    return False


def record(store: Store, study: str, events: Sequence[Event], now: float) -> bool:
    """Write into the log of a study that nobody runs; False, with nothing written, while somebody does.

    The log has one writer: whoever records here holds the study's lease for the moment.
    """
    holder = store.holder(study)
    if holder is not None and is_dead(holder.owner):
        store.release(study, holder.token)
    owner = f"{socket.gethostname()}:{os.getpid()} recording a command"
    try:
        token = store.acquire(study, owner, _SECONDS, store.now())
    except Conflict:
        return False
    try:
        pending = store.pending(study)  # what was asked before comes first
        earlier = [one.command for one in pending]
        store.append(study, [*earlier, *events], token=token, at=now, taken=[one.id for one in pending])
    finally:
        store.release(study, token)
    return True
