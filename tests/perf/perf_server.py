"""The real server, `reid-tune serve`, in a process of its own over a home folder with a large finished study."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from perf_study import Writer, grown_store

from orchestrator.events import EpochReported, Event, Origin, SegmentStarted, StudyEnded, StudyStatus, TrialSuggested

__all__ = ["Reporter", "large_home", "server_process", "serving"]


def large_home(home: Path, trials: int) -> str:
    """Write a finished study of `trials` trials (about 23 epochs each) into a home folder; its id."""
    writer = Writer(trials, trials)
    store, token = grown_store(home / "studies.db", writer, began=time.time() - 86_400)
    study = writer.created.study
    store.append(study, [StudyEnded(status=StudyStatus.COMPLETED)], token=token, at=time.time())
    store.release(study, token)
    store.close()
    return study


class Reporter:
    """A running study of `trials` finished trials in a home folder, whose newest trial trains on a long rung."""

    def __init__(self, home: Path, trials: int) -> None:
        writer = Writer(trials + 100, trials)
        self._store, self._token = grown_store(home / "studies.db", writer, began=time.time() - 60, lease=7_200)
        self.study = writer.created.study
        self._trial, self._segment, self._epoch = trials + 1, writer.segments + 1, 0
        values = writer.values(self._trial)
        self._curve = writer.curve(values)
        rung = writer.created.plan.brackets[-1].rungs[-1]
        self._append(
            TrialSuggested(
                trial=self._trial, values=values, origin=Origin.RANDOM, reason="drawn", bracket=0, to_epoch=rung
            ),
            SegmentStarted(segment=self._segment, trial=self._trial, from_epoch=0, to_epoch=rung, reason="its place"),
        )

    def report(self) -> None:
        """Its next epoch, committed."""
        self._epoch += 1
        metrics = self._curve.at(self._epoch)
        self._append(EpochReported(trial=self._trial, segment=self._segment, epoch=self._epoch, metrics=metrics))

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    def _append(self, *events: Event) -> None:
        self._store.append(self.study, list(events), token=self._token, at=time.time())


@contextmanager
def serving(home: Path) -> Iterator[str]:
    """Yield the server's address; it ends with the block."""
    with server_process(home) as (address, _):
        yield address


@contextmanager
def server_process(home: Path) -> Iterator[tuple[str, int]]:
    """Yield the server's address and process number; it ends with the block."""
    command = [str(Path(sys.executable).with_name("reid-tune")), "serve", "--port", "0"]
    settings = {**os.environ, "REID_TUNE_HOME": str(home), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, env=settings, stderr=subprocess.PIPE, text=True) as server:
        try:
            said = server.stderr.readline() if server.stderr else ""
            address = re.search(r"http://\S+", said)
            if address is None:
                raise RuntimeError(f"the server did not start: {said.strip()}")
            yield address.group(), server.pid
        finally:
            server.terminate()
