"""Signs of life: work that takes long says now and then that it goes on, to whoever wants to know."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["alive", "heard_by"]

_listener: ContextVar[Callable[[], object] | None] = ContextVar("listener", default=None)


def alive() -> None:
    """Say that work goes on. Costs next to nothing, and nobody hears it outside of `heard_by` or in other threads."""
    listener = _listener.get()
    if listener is not None:
        listener()


@contextmanager
def heard_by(listener: Callable[[], object] | None) -> Iterator[None]:
    """In here `listener` is called at each sign of life of this thread, at every batch for one: it has to be quick."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
