"""Writing into the log of a study that nobody runs: what waits in its inbox comes first, and a stop brings its end.

The log has one writer: whoever records here holds the study's lease for the moment. Whoever posts into the inbox of a
live controller, and that controller itself once it has let go of its lease, look here again: so nothing stays unheard.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Sequence

from orchestrator.control.lease import RECORDING, take
from orchestrator.events import CommandGiven, CommandKind, ControllerStarted, StudyCreated, StudyEnded, StudyStatus
from orchestrator.store import Store
from reid_core.errors import Conflict

__all__ = ["unfinished_stop", "write_aside"]

_SECONDS = 5.0
_WINDOW = 500  # events read at once, from the log's end


def write_aside(store: Store, study: str, commands: Sequence[CommandGiven], at: float) -> bool:
    """Record the inbox and `commands` (Unix time `at`); False, with nothing written, while a controller lives.

    What is recorded is never earlier than what stands before it, whatever the date of this machine was set to: a study
    resumed before its controller's last word would be charged the time in between.
    A study that was asked to stop ends here, whoever heard the stop: nobody else is there to say so.
    """
    if not _write(store, study, commands, at):
        return False
    while store.pending(study) and _write(store, study, [], at):
        pass  # asked while this was in the way
    return True


def _write(store: Store, study: str, commands: Sequence[CommandGiven], at: float) -> bool:
    owner = f"{socket.gethostname()}:{os.getpid()}.{threading.get_ident()}{RECORDING}"
    try:
        token = take(store, study, owner, store.now, seconds=_SECONDS)
    except Conflict:
        return False
    try:
        at = max(at, store.find(study).updated_at)
        pending = store.pending(study)
        given = [one.model_copy(update={"aside": True}) for one in (*(one.command for one in pending), *commands)]
        if given:
            store.append(study, given, token=token, at=at, taken=[one.id for one in pending])
        stop = unfinished_stop(store, study)
        if stop is not None:
            reason = f"stopped by {stop.by or 'request'}"
            end = StudyEnded(status=StudyStatus.STOPPED, reason=reason, aside=True)
            store.append(study, [end], token=token, at=at)
    finally:
        store.release(study, token)
    return True


def unfinished_stop(store: Store, study: str) -> CommandGiven | None:
    """The newest stop of a study that was asked to stop and has not ended; None for any other study."""
    if store.find(study).status is not StudyStatus.STOPPED:
        return None
    last, stop = store.last_seq(study), None
    while last > 0:
        before = max(0, last - _WINDOW)
        for logged in reversed(list(store.events(study, after=before, limit=last - before))):
            match logged.event:
                case StudyEnded():
                    return None
                case StudyCreated() | ControllerStarted() | CommandGiven(command=CommandKind.EXTEND):
                    return stop
                case CommandGiven(command=CommandKind.STOP, trial=None) as found:
                    stop = stop or found
                case _:
                    pass
        last = before
    return stop
