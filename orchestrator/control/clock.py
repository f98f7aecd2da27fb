"""The time that a controller writes into its study's log: Unix time that nobody sets while the controller lives."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from orchestrator.search.limits import span

__all__ = ["SteadyClock"]

_WORTH_TELLING = 60.0
_LOG = logging.getLogger(__name__)


class SteadyClock:
    """Unix seconds: the date at the beginning, and what has passed since by a clock that nobody sets.

    Limits of time are differences of these times, here and in the log: a date that is set, by hand or by NTP, spends
    none and gives none back. Recorded times go on from the old date until another controller starts, and a warning
    says so. The sleep of a suspended machine counts, so that they are right after it.
    """

    def __init__(self, date: Callable[[], float] | None = None, steady: Callable[[], float] | None = None) -> None:
        self._date, self._steady = date or time.time, steady or _since_boot
        self._begun = self._date() - self._steady()
        self._set_by = 0.0

    def __call__(self) -> float:
        """Now."""
        now = self._begun + self._steady()
        set_by = self._date() - now
        if abs(set_by - self._set_by) >= _WORTH_TELLING:
            way = "forward" if set_by > self._set_by else "back"
            _LOG.warning(
                "the date of this machine was set %s by %s: no limit of time counts that, and the times in the log "
                "go on from the old date until the study is paused and resumed",
                way,
                span(float(round(abs(set_by - self._set_by)))),
            )
            self._set_by = set_by
        return now


def _since_boot() -> float:
    """Steady seconds that go on while the machine sleeps: Linux's CLOCK_BOOTTIME; macOS's CLOCK_MONOTONIC does too."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
