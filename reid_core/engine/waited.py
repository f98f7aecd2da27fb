"""How long a loop waits for what it works on."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

__all__ = ["Waited"]

T = TypeVar("T")


class Waited:
    """`seconds` spent until now in waiting for the values that came `through`."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def through(self, values: Iterable[T]) -> Iterator[T]:
        """`values`, one by one."""
        source = iter(values)
        while True:
            began = time.perf_counter()
            try:
                value = next(source)
            except StopIteration:
                return
            finally:
                self.seconds += time.perf_counter() - began
            yield value
