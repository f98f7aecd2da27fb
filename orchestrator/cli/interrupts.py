"""What Ctrl-C and SIGTERM do to a command that saves: the first ends it with everything saved, the second at once."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable
from typing import Any

import click

from orchestrator.cli.output import discard_output

__all__ = ["Interrupts", "StopAsked", "saving"]


def saving(again: str, *, within: bool = False) -> str:
    """What is about to happen, and the command that continues."""
    what = "saving within the running epochs" if within else "finishing the running epochs and saving"
    return f"{what}. Continue later with:\n  {again}"


class Interrupts:
    """First Ctrl-C finishes the epochs and saves, SIGTERM stops and saves within them; the second stops now.

    `ask` is told what came, and whether it is to stop within the epochs: the machine may be about to go. `again` is the
    command that continues.
    """

    def __init__(self, ask: Callable[[str, bool], object], again: Callable[[], str], *, kept: str = "finished") -> None:
        self._ask, self._again, self._kept = ask, again, kept
        self._heard = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._hear)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _hear(self, number: int, _: object) -> None:
        self._heard += 1
        again = self._again()
        if self._heard > 1:
            _say(f"\nstopped now; every {self._kept} epoch is kept. Continue with:\n  {again}")
            raise KeyboardInterrupt
        what = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
        within = number == signal.SIGTERM
        self._ask(what, within)
        _say(f"\n{what} (again: stop now): {saving(again, within=within)}")


def _say(text: str) -> None:
    """Tell, where somebody still reads: `| tee` hears the same Ctrl-C."""
    with contextlib.suppress(OSError):
        click.echo(text, err=True)


class StopAsked:
    """Whether a training is to stop after its epoch, or within it."""

    def __init__(self) -> None:
        self._stop = self._leave = False

    def ask(self, _: str, within: bool) -> None:
        """Somebody wants it to stop."""
        self._stop, self._leave = True, self._leave or within

    def stop(self) -> bool:
        """At the end of the epoch."""
        return self._stop

    def leave(self) -> bool:
        """After the batch."""
        return self._leave

    def say(self, line: str) -> None:
        """Print a line; when nobody reads any more, that is what Ctrl-C is."""
        try:
            click.echo(line)
        except BrokenPipeError:
            discard_output()
            self._stop = True
