"""The text files of a trial's folder: its log and what its segments printed, from the end or as they grow."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path

__all__ = ["Output", "follow", "last_lines"]

_POLL_SECONDS = 0.3


class Output(StrEnum):
    """Which file; its value is its name."""

    LOG = "trial.log"
    STDOUT = "stdout.log"
    STDERR = "stderr.log"


def last_lines(path: Path, count: int) -> list[str]:
    """The last `count` lines of the file, without their ends; none when it is not there."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", errors="replace") as text:
        return [line.rstrip("\n") for line in deque(text, maxlen=max(1, count))]


def follow(
    path: Path, count: int, ended: Callable[[], bool], sleep: Callable[[float], object] = time.sleep
) -> Iterator[str]:
    """The last `count` lines and then every new one, until `ended` says that none will come.

    A file that became shorter has started anew and is read from its beginning. A last line without an end comes last.
    """
    lines: deque[bytes] = deque(maxlen=max(1, count))
    place, over = 0, False
    if path.exists():
        with path.open("rb") as file:
            lines.extend(file)
            place = file.tell()
    rest = lines.pop() if lines and not lines[-1].endswith(b"\n") else b""
    yield from map(_line, lines)
    while not over:
        over = ended()  # asked before the last look: what was written until then is seen
        if path.exists():
            with path.open("rb") as file:
                if os.fstat(file.fileno()).st_size < place:
                    yield from [_line(rest)] if rest else []
                    place, rest = 0, b""
                file.seek(place)
                rest += file.read()
                place = file.tell()
        *whole, rest = rest.split(b"\n")
        yield from map(_line, whole)
        if not over:
            sleep(_POLL_SECONDS)
    if rest:
        yield _line(rest)


def _line(raw: bytes) -> str:
    return raw.rstrip(b"\r\n").decode("utf-8", errors="replace")
