"""`reid-tune serve-model` in a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Place", "Served", "running"]


@dataclass(frozen=True, slots=True)
class Place:
    """What the server is started with."""

    model: Path
    images: list[Path]
    index: Path
    home: Path


@dataclass(frozen=True, slots=True)
class Served:
    """A running server."""

    url: str
    process: subprocess.Popen[str]

    def stop(self) -> int:
        """End it as a service manager does; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@contextmanager
def running(place: Place, *words: str):
    """Start it; it ends with the block."""
    command = [sys.executable, "-m", "orchestrator.cli", "serve-model", str(place.model), "--port", "0", *words]
    settings = {**os.environ, "REID_TUNE_HOME": str(place.home), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen([*command, "--threads", "1"], env=settings, stderr=subprocess.PIPE, text=True) as process:
        try:
            said = process.stderr.readline()
            address = re.search(r"http://\S+", said)
            assert address, said + process.stderr.read()
            yield Served(address.group(), process)
        finally:
            process.terminate()
