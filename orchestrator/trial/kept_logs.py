"""A trial's logs beside its checkpoints under a URL: for each segment and file one object, which grows as it runs.

`ROOT/STUDY/logs/TRIAL/SEGMENT/trial.log`: segments write nobody's file but their own, wherever they run. A thread does
it, and a log that cannot be kept fails no trial.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from orchestrator.trial.vault import Vault, told

__all__ = ["FOLDER", "KEPT_FILES", "LARGEST", "KeptLogs", "logs_of"]

_LOG = logging.getLogger(__name__)

FOLDER = "logs"
"""Of a study's URL, beside those of its trials."""
KEPT_FILES = ("trial.log", "stdout.log", "stderr.log")
LARGEST = 10 * 2**20
"""Bytes of a segment's file that are kept; of a larger one the beginning is left out."""

_EVERY = 30.0
_AGAIN, _PATIENCE, _WAIT = 5.0, 300.0, 10.0
"""Seconds: between tries once the segment is over, how long they go on, and how long its end waits for them."""


def logs_of(vault: str) -> str:
    """Where the logs of a trial are kept, of the URL of its checkpoints."""
    study, _, trial = vault.rpartition("/")
    return f"{study}/{FOLDER}/{trial}"


@dataclass(frozen=True, slots=True)
class _Growing:
    """A file that a segment adds to, from byte `begin`; one too large becomes NAME.1 and starts anew meanwhile."""

    path: Path
    begin: int
    old: tuple[int, int]

    @classmethod
    def found(cls, path: Path) -> Self:
        return cls(path, _stamp(path)[0], _stamp(_old(path)))

    def stamp(self) -> object:
        """Another value whenever the file has changed."""
        return _stamp(self.path), _stamp(_old(self.path))

    def text(self) -> bytes:
        """What the segment has added, its end if that is too much: between half of LARGEST and LARGEST."""
        anew = _stamp(_old(self.path)) != self.old
        begin = 0 if anew or _stamp(self.path)[0] < self.begin else self.begin
        parts = [(_old(self.path), 0)] if anew else []
        parts.append((self.path, begin))
        sizes = [max(0, _stamp(path)[0] - place) for path, place in parts]
        out = math.ceil(max(0, sum(sizes) - LARGEST) / (LARGEST // 2)) * (LARGEST // 2)
        found = b""
        for (path, place), size in zip(parts, sizes, strict=True):
            skipped = min(out, size)
            out -= skipped
            if size > skipped:
                with path.open("rb") as file:
                    file.seek(place + skipped)
                    found += file.read(size - skipped)
        return found


class KeptLogs:
    """Within this context what a segment adds to the logs of its trial's `directory` is kept under `url`.

    That is done every so many seconds if there is more, and at its end.
    """

    def __init__(self, url: str, directory: Path, segment: int, *, every: float = _EVERY, wait: float = _WAIT) -> None:
        self._url, self._directory, self._segment = url, directory, segment
        self._every, self._wait = every, wait
        self._files: dict[str, _Growing] = {}
        self._seen: dict[str, object] = {}
        self._sent: dict[str, int] = {}
        self._last: dict[str, bytes] | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="logs", daemon=True)

    def __enter__(self) -> Self:
        self._files = {name: _Growing.found(self._directory / name) for name in KEPT_FILES}
        try:
            self._thread.start()
        except RuntimeError as error:  # no room for another thread
            self._tell(error)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._thread.ident is None:
            return
        try:  # now: the next segment may add to the same files
            self._last = {name: file.text() for name, file in self._files.items()}
        except Exception as fault:  # noqa: BLE001 - a log fails no trial
            self._tell(fault)
        self._over.set()
        self._thread.join(self._wait)

    def _work(self) -> None:
        vault: Vault | None = None
        failed, end = False, math.inf
        while True:
            over = self._over.wait(self._every)
            if over:
                end = min(end, time.monotonic() + _PATIENCE)
            try:
                vault = vault or Vault(self._url)
                self._send(vault)
            except Exception as error:  # noqa: BLE001 - each file system has errors of its own
                if not failed:
                    self._tell(error)
                failed = True
                if time.monotonic() >= end:
                    return
                if over:
                    time.sleep(_AGAIN)
            else:
                failed = False
                if over:
                    return

    def _send(self, vault: Vault) -> None:
        last = self._last
        for name, file in self._files.items():
            stamp = file.stamp()
            if last is None and stamp == self._seen.get(name):
                continue
            text = file.text() if last is None else last[name]
            if text and hash(text) != self._sent.get(name):
                vault.write(f"{self._segment:06d}/{name}", text)
                self._sent[name] = hash(text)
            self._seen[name] = stamp

    def _tell(self, error: BaseException) -> None:
        _LOG.warning("logs of segment %d are not kept under %s yet: %s", self._segment, self._url, told(error))


def _old(path: Path) -> Path:
    return path.with_name(f"{path.name}.1")


def _stamp(path: Path) -> tuple[int, int]:
    """Size and time of a file; zeros where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return 0, 0
    return found.st_size, found.st_mtime_ns
