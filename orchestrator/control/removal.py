"""Checkpoints that nobody needs are deleted from their vault in a thread: a slow store holds up no study."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Sequence

from orchestrator.trial.vault import Vault, told

__all__ = ["Removals"]

_SECONDS = 10.0
_LOG = logging.getLogger(__name__)


class Removals:
    """Deletes what `remove` names, in order. A failure is logged, and the file is left to `checkpoints prune`."""

    def __init__(self) -> None:
        self._urls: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._vaults: dict[str, Vault] = {}
        self._thread = threading.Thread(target=self._work, name="removals", daemon=True)
        self._thread.start()

    def remove(self, urls: Sequence[str]) -> None:
        """Delete these files soon."""
        for url in urls:
            self._urls.put(url)

    def close(self, seconds: float = _SECONDS) -> None:
        """Wait until everything is deleted, so many seconds at most."""
        self._urls.put(None)
        self._thread.join(seconds)

    def _work(self) -> None:
        while (url := self._urls.get()) is not None:
            folder = url.rpartition("/")[0]
            try:
                if folder not in self._vaults:
                    self._vaults[folder] = Vault(folder)
                self._vaults[folder].remove(url)
            except Exception as error:  # noqa: BLE001 - each file system has errors of its own, and none ends a study
                _LOG.warning("the checkpoint %s was not deleted: %s", url, told(error))
