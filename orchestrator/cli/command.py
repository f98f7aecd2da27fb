"""What every command shares: help that ends with examples, and a group that reads a bare option as `run`."""

from __future__ import annotations

import inspect
from typing import Any

import click

__all__ = ["Command", "Group", "ShortForm"]

_HEADING = "\n\nExamples:\n"


class _WithExamples(click.Command):
    """Takes the lines after `Examples:` out of the docstring and prints them as they are, after the options."""

    def __init__(self, name: str | None, **attributes: Any) -> None:
        text, _, examples = inspect.cleandoc(attributes.pop("help", None) or "").partition(_HEADING)
        self.examples = [line.strip() for line in examples.splitlines()]
        super().__init__(name, help=text, **attributes)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, then click's own epilog."""
        if self.examples:
            with formatter.section("Examples"):
                for line in self.examples:
                    formatter.write(f"{'':{formatter.current_indent}}{line}\n")
        super().format_epilog(ctx, formatter)


class Command(_WithExamples):
    """One command."""


class Group(_WithExamples, click.Group):
    """Commands under one name."""

    command_class = Command
    group_class = type


class ShortForm(Group):
    """The outermost group: options before any command belong to `run`."""

    _own = frozenset({"--help", "-h", "--version", "--debug"})

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """`reid-tune --space X` is `reid-tune run --space X`."""
        if args and args[0].startswith("-") and args[0].partition("=")[0] not in self._own:
            args = ["run", *args]
        return super().parse_args(ctx, args)
