"""rich's console, but a reader that leaves is an error for the caller, as it is with any other write."""

from __future__ import annotations

from rich.console import Console

__all__ = ["Terminal"]


class Terminal(Console):
    """Raises BrokenPipeError where rich would end the process with exit code 1."""

    def on_broken_pipe(self) -> None:
        """Raise what is being handled again."""
        raise BrokenPipeError
