"""A bar on standard error while images pass through a model."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from orchestrator.cli.output import console

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["image_bar"]


@contextmanager
def image_bar(*, quiet: bool, words: str = "embedding images") -> Iterator[Callable[[int, int], None] | None]:
    """What hears of (done, total), total 0 where nobody knows it; None where a program reads."""
    from rich.progress import Progress

    if quiet:
        yield None
        return
    out = console(err=True)
    with Progress(
        console=out, transient=True, disable=not out.is_terminal
    ) as bar:  # without one it leaves an empty line
        task = bar.add_task(words, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total or None)
