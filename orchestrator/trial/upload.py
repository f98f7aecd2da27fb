"""Checkpoints of one segment on their way to a vault: one thread, in order, the newest first in importance.

Training does not wait for it. What fails is tried again, ever more slowly, until it is there or nobody wants it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from orchestrator.trial.protocol import CheckpointRef
from orchestrator.trial.vault import Vault, told
from reid_core.errors import CheckpointError

__all__ = ["SPARES", "Uploads"]

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0
_POLL = 0.2
SPARES = ".held"
"""Folder beside the checkpoints, for second names; whoever made the Uploads removes it."""


class Uploads:
    """Sends what `put` names. `must` are epochs of which none is passed over, and neither is the one held last.

    Of the others the newest is sent.

    Everything but the sending happens in the caller's thread: it collects with `news` what is there.
    """

    def __init__(self, vault: Vault, must: Collection[int] = (), *, pause: float = _FIRST_PAUSE) -> None:
        self._vault, self._must, self._pause = vault, frozenset(must), pause
        self._held: int | None = None
        self._changed = threading.Condition()
        self._waiting: list[CheckpointRef] = []
        self._there: dict[CheckpointRef, CheckpointRef] = {}
        self._given_up: set[CheckpointRef] = set()
        self._new: list[CheckpointRef] = []
        self._lines: list[str] = []
        self._closed = False
        self._thread: threading.Thread | None = None

    def put(self, checkpoint: CheckpointRef) -> None:
        """Send a local checkpoint as soon as possible; one that waits and is older gives way."""
        with self._changed:
            stay = {*self._must, self._held}
            passed = [one for one in self._waiting if one.epoch not in stay and one.epoch < checkpoint.epoch]
            self._given_up.update(passed)
            self._waiting = [*(one for one in self._waiting if one not in passed), checkpoint]
            self._changed.notify_all()
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="uploads", daemon=True)
            self._thread.start()

    def hold(self, epoch: int) -> None:
        """Pass over this epoch's checkpoint no more: it is the best. The one that was held before may be.

        Training may delete it before its turn comes, for it may call another the best: a second name keeps it.
        """
        with self._changed:
            self._held = epoch
            for one in self._waiting:
                spare = _spare(one)
                with suppress(OSError):  # a file system without links
                    if one.epoch == epoch:
                        spare.parent.mkdir(exist_ok=True)
                        spare.hardlink_to(one.path)
                    elif one.epoch not in self._must:
                        spare.unlink(missing_ok=True)

    def news(self) -> tuple[list[CheckpointRef], list[str]]:
        """What has become durable since the last call, oldest first, and what there is to tell."""
        with self._changed:
            found = (self._new, self._lines)
            self._new, self._lines = [], []
        return found

    def wait(self, checkpoint: CheckpointRef, seconds: Callable[[], float]) -> CheckpointRef | None:
        """Where the checkpoint is kept, once it is; None when it cannot be sent, or after `seconds()`, asked anew."""
        began = time.monotonic()
        with self._changed:
            while checkpoint not in self._there:
                if checkpoint in self._given_up or time.monotonic() - began >= seconds():
                    return None
                self._changed.wait(_POLL)
            return self._there[checkpoint]

    def close(self) -> None:
        """Send nothing more. What is just being sent may still arrive; nobody will know of it."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _work(self) -> None:
        failures = 0
        while (checkpoint := self._next()) is not None:
            try:
                sent = self._vault.put(_present(checkpoint))
            except CheckpointError as error:
                self._settle(checkpoint, None, error.message)
            except Exception as error:  # noqa: BLE001 - each file system has errors of its own
                if not Path(_present(checkpoint).path).is_file():
                    self._settle(checkpoint, None, f"the checkpoint of epoch {checkpoint.epoch} was not uploaded: gone")
                    continue
                failures += 1
                self._rest(checkpoint, failures, told(error))
            else:
                failures = 0
                self._settle(checkpoint, sent, "")

    def _next(self) -> CheckpointRef | None:
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            return None if self._closed else self._waiting[0]

    def _settle(self, checkpoint: CheckpointRef, sent: CheckpointRef | None, line: str) -> None:
        with self._changed:
            self._waiting = [one for one in self._waiting if one != checkpoint]
            if sent is None:
                self._given_up.add(checkpoint)
            else:
                self._there[checkpoint] = sent
                self._new.append(sent)
            self._lines += [line] if line else []
            self._changed.notify_all()

    def _rest(self, checkpoint: CheckpointRef, failures: int, why: str) -> None:
        pause = min(_LONGEST_PAUSE, self._pause * 2 ** min(failures - 1, 10))
        with self._changed:
            line = f"the checkpoint of epoch {checkpoint.epoch} is not uploaded yet: {why}; again in {pause:g} s"
            self._lines.append(line)
            end = time.monotonic() + pause
            while not self._closed and (left := end - time.monotonic()) > 0:
                self._changed.wait(left)


def _spare(checkpoint: CheckpointRef) -> Path:
    path = Path(checkpoint.path)
    return path.parent / SPARES / path.name


def _present(checkpoint: CheckpointRef) -> CheckpointRef:
    """The checkpoint by the name that is there."""
    spare = _spare(checkpoint)
    gone = not Path(checkpoint.path).is_file() and spare.is_file()
    return replace(checkpoint, path=str(spare)) if gone else checkpoint
