"""What a form's verb answered, kept for the page that the browser is sent to next."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass

__all__ = ["Flash", "Flashes"]

_MOST = 200


@dataclass(frozen=True, slots=True)
class Flash:
    """Sentences about what was done and what was refused; `undo` is the verb that takes it back for `studies`."""

    done: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    undo: str = ""
    studies: tuple[str, ...] = ()


class Flashes:
    """The newest answers by a key that nobody guesses: an address shows only what this server said. Thread-safe."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Flash] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, flash: Flash) -> str:
        """The key of an answer."""
        key = secrets.token_urlsafe(12)
        with self._lock:
            self._kept[key] = flash
            while len(self._kept) > _MOST:
                self._kept.popitem(last=False)
        return key

    def get(self, key: str) -> Flash | None:
        """The answer; None when it is forgotten, or never was."""
        with self._lock:
            return self._kept.get(key)
