"""Whether a study still has a controller, as the processes beside it ask: those that tell, and MLflow's follower."""

from __future__ import annotations

import time
from collections.abc import Callable

from orchestrator.control.lease import SECONDS, is_recorder
from orchestrator.service.processes import controller_of, is_dead
from orchestrator.store import Store
from reid_core.errors import ServerUnreachable

__all__ = ["while_held"]

_GRACE = 60.0  # seconds; the controller that starts such a process takes its lease once its workers are up
_AWAY = 3600.0
_LAPSED = 3 * SECONDS  # a lease that ran out while the store was away is renewed once it is back


def while_held(store: Store, study: str) -> Callable[[], bool]:
    """Whether a controller holds the study, to be asked again and again.

    One that may be alive keeps it for three lease lengths after its lease was seen to have run out, and for an hour
    while the store does not answer.
    """
    return _Held(store, study)


class _Held:
    def __init__(self, store: Store, study: str) -> None:
        self._store, self._study = store, study
        self._began = time.monotonic()
        self._lapsed: float | None = None  # when it was seen to have run out
        self._away: float | None = None  # when the store did not answer first

    def __call__(self) -> bool:
        now = time.monotonic()
        try:
            held = self._look(now)
        except ServerUnreachable:
            self._away = now if self._away is None else self._away
            return now - self._away < _AWAY
        self._away = None
        return held

    def _look(self, now: float) -> bool:
        if controller_of(self._store, self._study) is not None:
            self._lapsed = None
            return True
        holder = self._store.holder(self._study)
        if holder is not None and not is_recorder(holder.owner) and not is_dead(holder.owner):
            self._lapsed = now if self._lapsed is None else self._lapsed
            if now - self._lapsed < _LAPSED:
                return True
        return now - self._began < _GRACE and self._store.last_seq(self._study) <= 1
