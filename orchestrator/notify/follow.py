"""Telling a study's notices as it goes on: at least once, in order, with a cursor; never raises for the far side."""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from orchestrator.events import Logged
from orchestrator.notify.notices import Notice, Notices
from reid_core.errors import ReidTuneError

__all__ = ["Cursor", "tell"]

_logger = logging.getLogger(__name__)

_POLL = 1.0  # seconds between two looks at a log that has nothing new
_BATCH = 2000
_LONGEST_WAIT = 300.0
_OLD = 24 * 3600.0  # what happened so many seconds before the telling began is no news
_STORE_TRIES, _MOST_STORE_TRIES = 60, 3600  # once its controller is gone, and while nobody can say so


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a channel's position in a study's log is kept; `read(after)` gives the events that follow."""

    read: Callable[[int], Iterable[Logged]]
    get: Callable[[], int]
    set: Callable[[int], None]


def tell(
    cursor: Cursor,
    notices: Notices,
    send: Callable[[Notice], None],
    *,
    follow: Callable[[], bool],
    tries: int = 8,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Send what the log says, as long as `follow()` is true and then what is left; the number of notices that arrived.

    The cursor moves behind an event once its notice arrived, or was given up after `tries` (1, 2, 4, ... 300 s apart)
    with a line in the log. Whoever is ended in between sends a notice again, under the same id.
    """
    sent, position, failures, ready, alive = 0, 0, 0, False, True
    since = clock() - _OLD  # once: a date that is set while this goes on makes nothing old
    while True:
        try:
            alive = follow()  # before reading: the last events are there when it turns false
            if not ready:
                position, ready = _recall(cursor, notices), True
            batch = list(itertools.islice(cursor.read(position), _BATCH))
            for logged in batch:
                due = notices.take(logged)
                sent += sum([_delivered(notice, send, tries, since, sleep) for notice in due])
                if due:
                    cursor.set(logged.seq)
                position = logged.seq
            if batch:
                cursor.set(position)
        except ReidTuneError as error:  # the store; the far side's errors end in _delivered
            failures += 1
            if failures == 1:
                _logger.warning("the log cannot be read: %s", error)
            if failures >= (_MOST_STORE_TRIES if alive else _STORE_TRIES):
                return sent
            position = notices.state.seq
            sleep(_POLL)
            continue
        failures = 0
        if not batch and not alive:
            last = notices.abandoned()
            return sent + (0 if last is None else _delivered(last, send, tries, since, sleep))
        if not batch:
            sleep(_POLL)


def _recall(cursor: Cursor, notices: Notices) -> int:
    """Take note of what was told before, by an earlier process perhaps."""
    position = cursor.get()
    if position:
        for logged in itertools.takewhile(lambda one: one.seq <= position, cursor.read(notices.state.seq)):
            notices.take(logged)
    return notices.state.seq


def _delivered(
    notice: Notice,
    send: Callable[[Notice], None],
    tries: int,
    since: float,
    sleep: Callable[[float], None],
) -> bool:
    if notice.at < since:
        _logger.info("not told, too old: %s", notice.title, extra={"notice": notice.id})
        return False
    for attempt in range(tries):
        try:
            send(notice)
        except ReidTuneError as error:
            last = attempt + 1 == tries
            what = "given up" if last else "will be tried again"
            _logger.log(logging.ERROR if last else logging.WARNING, "%s (%s)", error.message, what, extra=_ids(notice))
            if not last:
                sleep(min(2.0**attempt, _LONGEST_WAIT))
        else:
            _logger.info("told: %s", notice.title, extra=_ids(notice))
            return True
    return False


def _ids(notice: Notice) -> dict[str, object]:
    return {"study": notice.study, "notice": notice.id, "notice_kind": notice.kind.value}
