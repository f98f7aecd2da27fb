"""Reading a long log with Python's cyclic garbage collector at rest.

A log becomes millions of objects that all stay alive. The collector would walk through them again and again while
they are made, which costs more than making them.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["collector_at_rest", "settled"]


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """Suspend cyclic garbage collection; it is on again afterwards if it was before. Threads may overlap in it."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def settled() -> None:
    """Take everything alive now out of later collections: it will stay, and reference counts still free it.

    Without this, the first collections after `collector_at_rest` stop the process for a second.
    """
    gc.freeze()
