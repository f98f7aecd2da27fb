"""How far inspections are: a small file for each below the home, and a lock that lets one at a time be built."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from reid_core.engine.durable import write_atomically
from reid_core.errors import ReidTuneError

__all__ = ["Record", "Records"]

_TOLD_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Record:
    """One inspection: who builds it (process and when that began), what it does now, why it failed."""

    study: str
    subject: str
    pid: int
    born: float
    stage: str = "starting"
    done: int = 0
    total: int = 0
    ended: bool = False
    message: str = ""
    hint: str = ""

    @property
    def running(self) -> bool:
        """Whether its process is at it."""
        return not self.ended and self.born > 0 and _born(self.pid) == self.born


class Records:
    """The records below one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def last(self, study: str, subject: str) -> Record | None:
        """What is known of an inspection; one whose process is gone without a word has failed."""
        found = _read(self._path(study, subject))
        if found is None or found.ended or found.running:
            return found
        hint = "its log lies beside the inspection's folder; ask again"
        return replace(found, ended=True, message="the process that built it was ended", hint=hint)

    def running(self) -> Record | None:
        """The inspection that is built now."""
        found = map(_read, sorted(self._folder.glob("*.json")))
        return next((record for record in found if record is not None and record.running), None)

    def begin(self, study: str, subject: str, pid: int) -> None:
        """Note that a process was started for it; the process notes the rest itself."""
        self._write(Record(study, subject, pid, _born(pid)))

    @contextmanager
    def alone(
        self, study: str, subject: str, occupied: Callable[[Record], ReidTuneError]
    ) -> Iterator[Callable[[str, int, int], None]]:
        """Build an inspection in here, the only one of this machine; tell how far it is by what is yielded.

        Raises `occupied` of the other while another one is built. Errors are noted and pass through.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        now = Record(study, subject, os.getpid(), _born(os.getpid()))
        lock = FileLock(self._folder / "lock")
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise occupied(self.running() or now) from error
        last = 0.0

        def tell(stage: str, done: int, total: int) -> None:
            nonlocal now, last
            if stage == now.stage and time.monotonic() - last < _TOLD_SECONDS:
                return
            last = time.monotonic()
            now = replace(now, stage=stage, done=done, total=total)
            self._write(now)

        try:
            self._write(now)
            yield tell
            self._write(replace(now, ended=True))
        except BaseException as error:
            told = (error.message, error.hint) if isinstance(error, ReidTuneError) else (str(error) or repr(error), "")
            self._write(replace(now, ended=True, message=told[0], hint=told[1]))
            raise
        finally:
            lock.release()

    def _write(self, record: Record) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        write_atomically(self._path(record.study, record.subject), json.dumps(asdict(record)).encode())

    def _path(self, study: str, subject: str) -> Path:
        return self._folder / f"{study}-{subject}.json"


def _read(path: Path) -> Record | None:
    """The record; None where there is none, or none that this version wrote."""
    try:
        return Record(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def _born(pid: int) -> float:
    """When a living process began; 0 for one that is gone."""
    try:
        process = psutil.Process(pid)
        return 0.0 if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.NoSuchProcess:
        return 0.0
