"""Bringing a projection up to the log: reads from a cursor, waits out an MLflow that is down, never raises."""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from orchestrator.events import Logged

__all__ = ["Projection", "SyncReport", "sync"]

_logger = logging.getLogger(__name__)

_POLL = 1.0  # seconds between two looks at a log that has nothing new
_SLICE = 0.2  # seconds after which a wait notices that the study has ended
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 30.0


class Projection(Protocol):
    """What sync needs of a projection; MlflowProjection is one."""

    def exists(self) -> bool:
        """Whether anything of this study was written there before."""

    def recall(self, log: Iterable[Logged]) -> None:
        """Take note of events written before."""

    def feed(self, log: list[Logged]) -> None:
        """Write what follows from these events; idempotent."""


@dataclass(frozen=True, slots=True)
class SyncReport:
    """How far a sync came: `events` written now, up to `seq`; `errors` met, the last one in words."""

    events: int
    seq: int
    seconds: float
    errors: int
    last_error: str = ""
    complete: bool = True

    def __str__(self) -> str:
        if self.complete:
            return f"MLflow has all {self.seq} events ({self.events} written now, {self.seconds:.1f} s)"
        return f"MLflow has the events up to {self.seq} only; {self.last_error}"


@dataclass(slots=True)
class _Progress:
    """The position of one sync."""

    read: Callable[[int], Iterable[Logged]]
    get_cursor: Callable[[], int]
    set_cursor: Callable[[int], None]
    projection: Projection
    size: int
    cursor: int = 0
    events: int = 0
    ready: bool = field(default=False)

    def step(self) -> int:
        """Write the next batch and tick it off; the number of events in it."""
        if not self.ready:
            self._begin()
        batch = list(itertools.islice(self.read(self.cursor), self.size))
        if batch:
            self.projection.feed(batch)
            self.set_cursor(batch[-1].seq)
            self.cursor = batch[-1].seq
            self.events += len(batch)
        return len(batch)

    def _begin(self) -> None:
        """An MLflow that lost the study (another server, a new file) gets everything again."""
        self.cursor = self.get_cursor()
        if not self.projection.exists():
            self.cursor = 0
        elif self.cursor:
            self.projection.recall(itertools.takewhile(lambda logged: logged.seq <= self.cursor, self.read(0)))
        self.ready = True


def sync(
    read: Callable[[int], Iterable[Logged]],
    get_cursor: Callable[[], int],
    set_cursor: Callable[[int], None],
    projection: Projection,
    *,
    follow: Callable[[], bool] | None = None,
    attempts: int = 3,
    batch: int = 2000,
    sleep: Callable[[float], None] = time.sleep,
) -> SyncReport:
    """Write every event after the cursor; `read(after)` gives them in order.

    While `follow()` is true, go on with events as they come, and try again for as long as MLflow is down
    (after 0.5 s, then twice as long each time, at most 30 s). Then, or without `follow`, return when
    everything is written or after `attempts` failures in a row. `batch` events are read, written and
    ticked off together. Raises nothing; the report tells.
    """
    progress = _Progress(read, get_cursor, set_cursor, projection, batch)
    started = time.monotonic()
    errors, failures, last_error, complete = 0, 0, "", False
    while True:
        alive = follow is not None and follow()  # before reading: the last events are there when it turns false
        wait = _POLL
        try:
            moved = progress.step()
        except Exception as error:  # noqa: BLE001 - whatever MLflow does, the study must not feel it; it is reported
            errors, failures, moved = errors + 1, failures + 1, 0
            told = (str(error).splitlines() or [type(error).__name__])[0]
            if told != last_error:
                _logger.warning("%s", error)
            last_error = told
            wait = min(_FIRST_WAIT * 2 ** (failures - 1), _LONGEST_WAIT)
        else:
            failures = 0
        if failures == 0 and moved == 0 and not alive:
            complete = True
            break
        if failures >= attempts and not alive:
            break
        if moved == 0:
            _wait(wait, sleep, follow if alive else None)
    return SyncReport(progress.events, progress.cursor, time.monotonic() - started, errors, last_error, complete)


def _wait(seconds: float, sleep: Callable[[float], None], follow: Callable[[], bool] | None) -> None:
    """Sleep, but not past the moment at which `follow` turns false."""
    while seconds > 0 and (follow is None or follow()):
        sleep(min(_SLICE, seconds))
        seconds -= _SLICE
