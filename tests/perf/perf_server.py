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

from orchestrator.events import StudyEnded, StudyStatus

__all__ = ["large_home", "serving"]


def large_home(home: Path, trials: int) -> str:
    """Write a finished study of `trials` trials (about 23 epochs each) into a home folder; its id."""
    writer = Writer(trials, trials)
    store, token = grown_store(home / "studies.db", writer, began=time.time() - 86_400)
    study = writer.created.study
    store.append(study, [StudyEnded(status=StudyStatus.COMPLETED)], token=token, at=time.time())
    store.release(study, token)
    store.close()
    return study


@contextmanager
def serving(home: Path) -> Iterator[str]:
    """Yield the server's address; it ends with the block."""
    command = [str(Path(sys.executable).with_name("reid-tune")), "serve", "--port", "0"]
    settings = {**os.environ, "REID_TUNE_HOME": str(home), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, env=settings, stderr=subprocess.PIPE, text=True) as server:
        try:
            said = server.stderr.readline() if server.stderr else ""
            address = re.search(r"http://\S+", said)
            if address is None:
                raise RuntimeError(f"the server did not start: {said.strip()}")
            yield address.group()
        finally:
            server.terminate()
