"""The slots that a study may use beside others, and the word to the daemon of how many it has work for."""

from __future__ import annotations

import time
from collections.abc import Callable

from orchestrator.control.decide import Start, Suggest, decide
from orchestrator.events import StudyState
from orchestrator.search import Algorithm
from orchestrator.store import Store

__all__ = ["WANTED", "SharedSlots"]

WANTED = "slots wanted"
"""The cursor in which a controller leaves how many slots it has work for; 0: it has not said yet."""
_SECONDS = 0.2


class SharedSlots:
    """What the daemon grants one study; without a daemon every slot of the backend."""

    def __init__(self, store: Store, study: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._store, self._study, self._clock = store, study, clock
        self._granted: int | None = None
        self._read = -_SECONDS
        self._told: tuple[int, int, int] | None = None  # the state, the grant and the workers it was told about
        self._wanted = 0
        self._rest = -_SECONDS

    def of(self, workers: int) -> int:
        """How many of `workers` segments may run now. Reads the grant five times a second at most."""
        now = self._clock()
        if now - self._read >= _SECONDS:
            self._granted, self._read = self._store.granted(self._study), now
        return workers if self._granted is None else min(workers, self._granted)

    def tell(self, algorithm: Algorithm, state: StudyState, workers: int, stopping: frozenset[int], now: float) -> None:
        """Leave word of how many slots the study has work for, when it waits and a daemon shares them out.

        It asks for a quarter more than it has, one at least, while it could start another segment. Whether it could is
        a question to the algorithm: one that takes long is asked less often, for a tenth of the time at most.
        """
        if self._granted is None or self._told == (state.seq, self._granted, workers) or self._clock() < self._rest:
            return
        begun = time.perf_counter()
        self._told = (state.seq, self._granted, workers)
        running = len(state.running)
        more = running < workers and isinstance(decide(algorithm, state, workers, stopping, now), Start | Suggest)
        wanted = min(workers, running + 1 + running // 4) if more else running
        self._rest = self._clock() + 10 * (time.perf_counter() - begun)
        if wanted != self._wanted:
            self._store.set_cursor(self._study, WANTED, max(1, wanted))
            self._wanted = wanted
