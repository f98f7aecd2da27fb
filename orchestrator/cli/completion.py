"""`reid-tune completion`: what a shell needs to complete commands, options, studies and spaces."""

from __future__ import annotations

from pathlib import Path

import click
from click.shell_completion import CompletionItem, get_completion_class

from orchestrator.cli.command import Command

__all__ = [
    "COMPLETE_VARIABLE",
    "PROGRAM",
    "complete_algorithm",
    "complete_schedule",
    "complete_space",
    "complete_study",
    "completion_command",
]

PROGRAM = "reid-tune"
COMPLETE_VARIABLE = "_REID_TUNE_COMPLETE"


@click.command("completion", cls=Command)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion_command(ctx: click.Context, shell: str) -> None:
    """Print the script that makes SHELL complete reid-tune's commands, options, studies and spaces.

    Examples:
      eval "$(reid-tune completion bash)"                                    # in ~/.bashrc
      eval "$(reid-tune completion zsh)"                                     # in ~/.zshrc
      reid-tune completion fish > ~/.config/fish/completions/reid-tune.fish
    """
    script = get_completion_class(shell)
    if script is None:
        raise click.UsageError(f"click knows no completion for {shell}")
    click.echo(script(ctx.find_root().command, {}, PROGRAM, COMPLETE_VARIABLE).source())


def complete_study(_ctx: click.Context, _parameter: click.Parameter, start: str) -> list[CompletionItem]:
    """The names of the studies, newest first; none while there is no store."""
    from orchestrator.service.home import Home
    from orchestrator.store import open_store

    home = Home.default()
    if isinstance(home.store, Path) and not home.store.exists():
        return []
    store = open_store(home.store)
    names = ["latest", *(row.name for row in store.studies())]
    store.close()
    return [CompletionItem(name) for name in names if name.startswith(start)]


def complete_algorithm(_ctx: click.Context, _parameter: click.Parameter, start: str) -> list[CompletionItem]:
    """The algorithms, each with its line of help."""
    from orchestrator.search import ALGORITHMS

    return [CompletionItem(name, help=one.description) for name, one in ALGORITHMS.items() if name.startswith(start)]


def complete_schedule(_ctx: click.Context, _parameter: click.Parameter, start: str) -> list[CompletionItem]:
    """The schedules, each with its line of help."""
    from orchestrator.search import SCHEDULES

    return [CompletionItem(name, help=one.description) for name, one in SCHEDULES.items() if name.startswith(start)]


def complete_space(_ctx: click.Context, _parameter: click.Parameter, start: str) -> list[CompletionItem]:
    """The catalog, else files."""
    from search_spaces import catalog

    found = [CompletionItem(name) for name in catalog.names() if name.startswith(start)]
    return found or [CompletionItem(start, type="file")]
