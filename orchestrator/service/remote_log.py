"""A trial's logs under the URL of its study's checkpoints, for where the disks of its workers are not to be seen.

Reading has bounds: of bytes, of which the last are read, and of seconds, after which it is given up.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from orchestrator.service.trial_output import Output
from orchestrator.trial.kept_logs import LARGEST
from orchestrator.trial.vault import Vault, told
from reid_core.errors import ServerUnreachable

__all__ = ["follow_remote", "remote_lines"]

_BYTES_A_LINE = 4096
_SECONDS = 10.0
_POLL_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class _Place:
    """How far somebody has read: the segment, and the bytes of its file."""

    segment: int = 0
    byte: int = 0


@dataclass(frozen=True, slots=True)
class _Piece:
    """What a segment has added since a place, and the place after it; `cut`: it begins within a line, perhaps."""

    text: bytes
    after: _Place
    cut: bool

    def lines(self) -> list[bytes]:
        """Its lines; the last one has no end yet, or is empty."""
        return self.text.split(b"\n")[1 if self.cut else 0 :]


def remote_lines(url: str, output: Output, count: int) -> list[str]:
    """The last `count` lines of all segments together, 10 MiB at most. Raises ServerUnreachable."""
    lines: list[bytes] = []
    for piece in _within(url, partial(_since, url, output, _Place(), count)):
        *whole, rest = piece.lines() or [b""]
        lines += [*whole, rest] if rest else whole
    return [_line(one) for one in lines[-max(1, count) :]]


def follow_remote(
    url: str, output: Output, count: int, ended: Callable[[], bool], sleep: Callable[[float], object] = time.sleep
) -> Iterator[str]:
    """The last `count` lines and then new ones as workers send them, until `ended` says that none will come.

    A last line without an end comes last. Raises ServerUnreachable when the first or the last look fails; one in
    between is tried again.
    """
    place, rest, first, over = _Place(), b"", True, False
    while not over:
        over = ended()  # asked before the last look: what was kept until then is seen
        pieces: list[_Piece] = []
        try:
            pieces = _within(url, partial(_since, url, output, place, count if first else math.inf))
        except ServerUnreachable:
            if first or over:
                raise
        lines: list[bytes] = []
        for piece in pieces:
            if rest and (piece.cut or piece.after.segment != place.segment):
                lines, rest = [*lines, rest], b""
            head, *more = piece.lines() or [b""]
            *whole, rest = [rest + head, *more]
            lines, place = lines + whole, piece.after
        yield from map(_line, lines[-count:] if first else lines)
        first = False
        if not over:
            sleep(_POLL_SECONDS)
    if rest:
        yield _line(rest)


def _since(url: str, output: Output, place: _Place, count: float) -> list[_Piece]:
    """What the segments added since the place, oldest first: as many of the last ones as have `count` lines.

    A file that became smaller has lost its beginning, and is read anew.
    """
    vault = Vault(url)
    found: list[_Piece] = []
    left, wanted = int(min(LARGEST, count * _BYTES_A_LINE)), count
    for segment, one in sorted(((_segment(file.url), file) for file in vault.files()), reverse=True, key=_first):
        if segment < place.segment or not one.url.endswith(f"/{output}") or left <= 0 or wanted <= 0:
            continue
        read = place.byte if segment == place.segment and place.byte <= one.bytes else 0
        begin = max(read, one.bytes - left)
        if begin == one.bytes:
            continue
        text = vault.read(one.url, begin, one.bytes)
        found.append(_Piece(text, _Place(segment, begin + len(text)), begin > read))
        left, wanted = left - len(text), wanted - text.count(b"\n")
    return found[::-1]


def _first(pair: tuple[int, object]) -> int:
    return pair[0]


def _segment(url: str) -> int:
    folder = url.rsplit("/", 2)[1]
    return int(folder) if folder.isdecimal() else 0


def _within(url: str, work: Callable[[], list[_Piece]]) -> list[_Piece]:
    """What the work gives, if it does so in time: who asks a page is not to wait for a store that hangs."""
    found: list[_Piece] = []
    why = f"no answer within {_SECONDS:g} s"

    def run() -> None:
        nonlocal why
        try:
            found.extend(work())
        except Exception as error:  # noqa: BLE001 - each file system has errors of its own
            why = told(error)
        else:
            why = ""

    thread = threading.Thread(target=run, name="remote log", daemon=True)
    thread.start()
    thread.join(_SECONDS)
    if why:
        hint = "check the network, and the credentials in the environment"
        raise ServerUnreachable(f"the logs under {url} cannot be read: {why}", hint=hint)
    return found


def _line(raw: bytes) -> str:
    return raw.rstrip(b"\r").decode("utf-8", errors="replace")
