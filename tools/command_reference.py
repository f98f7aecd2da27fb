"""Write docs/reference/commands.md from the commands themselves; `--check` only says whether it is up to date.

python tools/command_reference.py [--check | --man FOLDER]
"""  # noqa: INP001 - a script, not a package

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import click
from generated import write_or_check

from orchestrator.cli.main import cli

TARGET = Path(__file__).resolve().parents[1] / "docs" / "reference" / "commands.md"
_WIDTH = 100

INTRODUCTION = """\
# Commands

<!-- Written by tools/command_reference.py from the commands in orchestrator/cli. Do not edit. -->

What `reid-tune COMMAND --help` prints. `make dist` writes the same as man pages.
"""


def commands(command: click.Command, context: click.Context) -> Iterator[click.Context]:
    """The command and all below it, each in its context, in the order of their help."""
    yield context
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None and not below.hidden:
                yield from commands(below, _context(below, name, context))


def page() -> str:
    """Write the whole page."""
    parts = [INTRODUCTION]
    for context in commands(cli, _context(cli, "reid-tune", None)):
        depth = "#" * min(4, 1 + len(context.command_path.split()))
        parts.append(f"{depth} {context.command_path}\n\n```text\n{context.get_help().rstrip()}\n```\n")
    return "\n".join(parts)


def main(arguments: list[str]) -> int:
    """Write the page or the man pages, or check the page. Returns the exit code."""
    if "--man" in arguments:
        from click_man.core import write_man_pages  # type: ignore[import-untyped]  # noqa: PLC0415 - not for --check

        folder = Path(arguments[arguments.index("--man") + 1])
        folder.mkdir(parents=True, exist_ok=True)
        write_man_pages("reid-tune", cli, version=version("reid-tune"), target_dir=str(folder))
        return 0
    return write_or_check(TARGET, page(), arguments)


def _context(command: click.Command, name: str, parent: click.Context | None) -> click.Context:
    context = click.Context(command, info_name=name, parent=parent, terminal_width=_WIDTH, max_content_width=_WIDTH)
    context.help_option_names = ["-h", "--help"]
    return context


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
