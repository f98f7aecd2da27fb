"""Waiting that is no silence: for a lock that another process holds, and for work in threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from filelock import FileLock, Timeout

from reid_core.signs import alive

__all__ = ["in_threads", "locked"]

_SIGN_SECONDS = 5.0
Item = TypeVar("Item")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the file lock `path` in here; a sign of life every few seconds until it is free."""
    lock = FileLock(path)
    while not lock.is_locked:
        try:
            lock.acquire(timeout=_SIGN_SECONDS)
        except Timeout:
            alive()
    try:
        yield
    finally:
        lock.release()


def in_threads(
    work: Callable[[Item], object],
    items: Iterable[Item],
    *,
    threads: int,
    name: str,
    progress: Callable[[], object] | None = None,
) -> None:
    """Do `work` with every item, side by side. Raises what the first that fails raises; the rest is not begun then.

    A sign of life is given every few seconds; with `progress` only when what that returns has changed since the last.
    """
    before: object = None
    with ThreadPoolExecutor(max_workers=threads, thread_name_prefix=name) as pool:
        waiting: set[Future[object]] = {pool.submit(work, item) for item in items}
        try:
            while waiting:
                done, waiting = wait(waiting, timeout=_SIGN_SECONDS, return_when=FIRST_EXCEPTION)
                for one in done:
                    one.result()
                now = progress() if progress is not None else None
                if progress is None or now != before:
                    alive()
                before = now
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
