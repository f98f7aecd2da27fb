"""Processes of one trial on several nodes: an actor on each of the others starts and watches those of its node."""

from __future__ import annotations

import itertools
import signal
from typing import Any

from reid_core.ranks import Elsewhere, RankProcess, start_here

__all__ = ["RankHost", "places"]

_SLACK_SECONDS = 60.0
"""How long a node may take to answer beyond what it is asked to wait."""


class RankHost:
    """Wrapped by `ray.remote`: holds the training processes of its node. They end with it, however it ends."""

    def __init__(self) -> None:
        self._processes: dict[int, RankProcess] = {}
        self._numbers = itertools.count()

    def start(self, task: str) -> int:
        """Start a process with this part; the number it goes by here."""
        number = next(self._numbers)
        self._processes[number] = start_here(task)
        return number

    def code(self, number: int, patience: float) -> int | None:
        """Its exit code, or None while it runs."""
        return self._processes[number].code(patience)

    def words(self, number: int) -> str:
        """What it printed."""
        return self._processes[number].words()

    def end(self, number: int) -> None:
        """End it."""
        self._processes.pop(number).end()


class _Remote:
    """RankProcess on another node."""

    def __init__(self, host: Any, number: int) -> None:
        self._host, self._number = host, number

    def code(self, patience: float) -> int | None:
        try:
            code: int | None = _answer(self._host.code.remote(self._number, patience), patience)
        except RuntimeError:
            return -signal.SIGKILL
        return code

    def words(self) -> str:
        try:
            return str(_answer(self._host.words.remote(self._number)))
        except RuntimeError as error:
            return str(error)

    def end(self) -> None:
        self._host.end.remote(self._number)  # its processes watch their pipes: nobody waits for a node that is gone


class _Node:
    """Place on another node."""

    def __init__(self, host: Any) -> None:
        self._host = host

    def start(self, task: str) -> RankProcess:
        return _Remote(self._host, int(_answer(self._host.start.remote(task))))


def places(hosts: list[Any]) -> Elsewhere:
    """The nodes of these actors, as the process that calls it may use them; they reach it by its node's address."""
    import ray  # noqa: PLC0415 - this process runs in Ray already

    return Elsewhere(str(ray.util.get_node_ip_address()), [_Node(host) for host in hosts])


def _answer(reference: Any, patience: float = 0.0) -> Any:
    """What a node answers. Raises RuntimeError when it is gone: what Ray raises is no error of training's own."""
    import ray  # noqa: PLC0415 - as above

    try:
        return ray.get(reference, timeout=patience + _SLACK_SECONDS)
    except ray.exceptions.RayError as error:
        raise RuntimeError(f"another node of this training does not answer: {type(error).__name__}") from error
