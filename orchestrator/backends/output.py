"""What a segment prints goes to files in its trial's folder, whoever prints it: Python, a C library, a child."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["LARGEST", "STDERR", "STDOUT", "captured", "flush"]

STDOUT, STDERR = "stdout.log", "stderr.log"
LARGEST = 10 * 2**20
"""Bytes of a file, after which it becomes `NAME.1` (which it replaces) and starts anew."""
_CHECK_SECONDS = 1.0


@contextmanager
def captured(directory: Path, *, largest: int = LARGEST) -> Iterator[None]:
    """In here file descriptors 1 and 2 of this process are the files `stdout.log` and `stderr.log` of `directory`.

    They are appended to. Prints of other threads land there too: for processes that run one segment at a time.
    Raises OSError when the files cannot be opened.
    """
    directory.mkdir(parents=True, exist_ok=True)
    paths = {1: directory / STDOUT, 2: directory / STDERR}
    files: dict[int, int] = {}
    before: dict[int, int] = {}
    ended = threading.Event()
    watch = threading.Thread(target=_watch, args=(list(paths.values()), largest, ended), name="output", daemon=True)
    try:
        for descriptor, path in paths.items():
            files[descriptor] = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        flush()
        for descriptor, file in files.items():
            before[descriptor] = os.dup(descriptor)
            os.dup2(file, descriptor)
        watch.start()
        yield
    finally:
        ended.set()
        flush()
        for descriptor, old in before.items():
            os.dup2(old, descriptor)
            os.close(old)
        for file in files.values():
            os.close(file)
        if watch.ident is not None:
            watch.join()
        for path in paths.values():
            _turn(path, largest)


def flush() -> None:
    """What Python holds back of this process's output is written."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()


def _watch(paths: list[Path], largest: int, ended: threading.Event) -> None:
    while not ended.wait(_CHECK_SECONDS):
        for path in paths:
            _turn(path, largest)


def _turn(path: Path, largest: int) -> None:
    """Copy and empty a file that is too large: others hold it open and append to it, so it cannot be renamed."""
    with contextlib.suppress(OSError):
        size = path.stat().st_size
        if size <= largest:
            return
        with path.open("r+b") as file, path.with_name(f"{path.name}.1").open("wb") as kept:
            file.seek(max(0, size - largest))
            shutil.copyfileobj(file, kept)
            file.truncate(0)
