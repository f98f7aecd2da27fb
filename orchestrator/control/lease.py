"""The controller's lease, renewed beside whatever it does: an epoch in this process may take hours."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from orchestrator.store import Store
from reid_core.errors import Conflict, ReidTuneError, ServerUnreachable

__all__ = ["RECORDING", "SECONDS", "Lease", "held", "is_recorder", "take"]

SECONDS = 15.0
RECORDING = " recording a command"
"""How the owner of a lease is named that holds it for a moment only."""
_MOMENT, _POLL_SECONDS = 6.0, 0.02  # a recorder's own lease is shorter, should it die
_LOG = logging.getLogger(__name__)


class Lease:
    """A fencing token and whether it still holds. A renewal that the store cannot write is tried again."""

    def __init__(self, store: Store, study: str, owner: str, clock: Callable[[], float]) -> None:
        self._store, self._study, self._clock = store, study, clock
        self.token = take(store, study, owner, clock)
        self.lost = False
        self._unreachable = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"lease-{study}", daemon=True)

    def _beat(self) -> None:
        while not self._ended.wait(SECONDS / 3):
            try:
                self.lost = not self._store.renew(self._study, self.token, SECONDS, self._clock())
                self._unreachable = False
            except ReidTuneError as error:
                self._unreachable = isinstance(error, ServerUnreachable)
                continue
            except Exception:  # noqa: BLE001 - without its lease a controller that works would be taken for dead
                _LOG.exception("the lease of study %s could not be renewed, the next beat tries again", self._study)
                continue
            if self.lost:
                return

    def start(self) -> None:
        """Begin renewing."""
        self._thread.start()

    def end(self) -> None:
        """Stop renewing and give the lease up; one whose server is away runs out by itself."""
        self._ended.set()
        self._thread.join()
        if not self._unreachable:
            self._store.release(self._study, self.token)


def is_recorder(owner: str) -> bool:
    """Whether the owner of a lease only records a command: it runs nothing, and is gone in a moment."""
    return owner.endswith(RECORDING)


def take(store: Store, study: str, owner: str, clock: Callable[[], float], *, seconds: float = SECONDS) -> int:
    """A fencing token; waits for whoever only records a command. Raises Conflict that names any other live holder."""
    patience = time.monotonic() + _MOMENT
    while True:
        try:
            return store.acquire(study, owner, seconds, clock())
        except Conflict:
            holder = store.holder(study)
            passing = holder is None or is_recorder(holder.owner)
            if not passing or time.monotonic() > patience:
                raise
        time.sleep(_POLL_SECONDS)


@contextmanager
def held(store: Store, study: str, owner: str, clock: Callable[[], float]) -> Iterator[Lease]:
    """The study's lease for the length of the block. Raises Conflict that names a live holder."""
    lease = Lease(store, study, owner, clock)
    lease.start()
    try:
        yield lease
    finally:
        lease.end()
