"""What is done to a study by its name alone: pause, resume, stop, archive, unarchive, delete, note, tag."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli.command import Command
from orchestrator.cli.completion import complete_study
from orchestrator.cli.output import json_option, print_json, study_argument

if TYPE_CHECKING:
    from orchestrator.service.views_acting import Acted

__all__ = ["COMMANDS", "named_study", "plain_verb", "say", "whoever"]

named_study = click.argument("study", shell_complete=complete_study)


def whoever() -> str:
    """Who gives a command here, as the log tells it."""
    return f"{getpass.getuser()} on the command line"


def say(acted: Acted, *, as_json: bool) -> None:
    """What a verb did, or that it was so already."""
    if as_json:
        print_json(acted)
    else:
        click.echo(f"{acted.name}: {acted.told}{'; ' if acted.hint else ''}{acted.hint}")


def plain_verb(name: str, asks: str, text: str, *names: Callable[[Any], Any]) -> click.Command:
    """A command that only names a study, or a trial of one; `asks` is the method of the service that does it."""

    def command(*, study: str, as_json: bool, trial: int | None = None) -> None:
        from orchestrator.service.service import Service

        what = (study,) if trial is None else (study, trial)
        say(getattr(Service(), asks)(*what, whoever()), as_json=as_json)

    made = json_option(command)
    for named in reversed(names):
        made = named(made)
    return click.command(name, cls=Command, help=text)(made)


pause_command = plain_verb(
    "pause",
    "pause",
    """Finish the running epochs, save, and rest.

    Examples:
      reid-tune studies pause cows
    """,
    study_argument,
)
resume_command = plain_verb(
    "resume",
    "resume",
    """Continue a paused or interrupted study in the background.

    Examples:
      reid-tune studies resume cows
    """,
    study_argument,
)
archive_command = plain_verb(
    "archive",
    "archive",
    """Hide a study at rest from `studies ls`; nothing of it is lost.

    Examples:
      reid-tune studies archive cows       # `reid-tune studies ls --all` still lists it
    """,
    named_study,
)
unarchive_command = plain_verb(
    "unarchive",
    "unarchive",
    """List an archived study again.

    Examples:
      reid-tune studies unarchive cows
    """,
    named_study,
)


@click.command("stop", cls=Command)
@study_argument
@click.option("--at-rung", is_flag=True, help="What runs goes on to its rung; else it ends after its epoch.")
@click.option("--now", is_flag=True, help="What runs does not end its epoch: it saves in the middle of it.")
@json_option
def stop_command(study: str, *, at_rung: bool, now: bool, as_json: bool) -> None:
    """Finish what runs, save, and end the study: nothing new starts.

    Examples:
      reid-tune studies stop cows
      reid-tune studies stop cows --at-rung      # comparable to the other trials
      reid-tune studies stop cows --now          # where an epoch takes an hour
    """
    from orchestrator.service.service import Service

    say(Service().stop(study, whoever(), at_rung=at_rung, now=now), as_json=as_json)


@click.command("delete", cls=Command)
@named_study
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--keep-files", is_flag=True, help="Leave its checkpoints and logs.")
@json_option
def delete_command(study: str, *, yes: bool, keep_files: bool, as_json: bool) -> None:
    """Remove a study for good: its log, its trials, its files, here and under a URL. One that runs is refused.

    What other studies learned from it they have copied. Asks for the study's name, unless told --yes.

    Examples:
      reid-tune studies delete cows
      reid-tune studies delete cows --yes --keep-files
    """
    from orchestrator.service.service import Service

    service = Service()
    row = service.store.find(study)
    if not yes:
        _confirm(row.name, str(service.home.study(row.id)), keep_files=keep_files)
    gone = service.delete(row.id, whoever(), keep_files=keep_files)
    if as_json:
        print_json(gone)
        return
    click.echo(f"{gone.name}: deleted{f'; its files are still in {gone.files}' if gone.files else ''}")
    if gone.elsewhere:
        why = "" if keep_files else " (their store failed): remove them there"
        click.echo(f"its checkpoints under {gone.elsewhere} stay{why}")


def _confirm(name: str, folder: str, *, keep_files: bool) -> None:
    """Raise UsageError unless a person types the study's name."""
    from reid_core.errors import UsageError

    if not sys.stdin.isatty():
        raise UsageError("deleting needs a confirmation, and nobody can be asked here", hint="add --yes")
    files = "" if keep_files else f" and everything in {folder}"
    click.echo(f"This deletes study {name}{files}. It cannot be undone.", err=True)
    typed = click.prompt("Type the name of the study to go on", default="", show_default=False, err=True)
    if typed.strip() != name:
        raise UsageError("that is not its name: nothing is deleted", hint=f"type {name}, or use --yes")


@click.command("note", cls=Command)
@named_study
@click.argument("text")
@json_option
def note_command(study: str, text: str, *, as_json: bool) -> None:
    """Write a note beside a study, in place of the one before; an empty text takes it away.

    Examples:
      reid-tune studies note cows "the camera at the gate was moved on 3 May"
      reid-tune studies note cows ""
    """
    from orchestrator.service.service import Service

    say(Service().note(study, text, whoever()), as_json=as_json)


@click.command("tag", cls=Command)
@named_study
@click.argument("tags", nargs=-1)
@click.option("--remove", multiple=True, metavar="TAG", help="Take a tag away. Repeatable.")
@click.option("--clear", is_flag=True, help="Take all tags away first.")
@json_option
def tag_command(study: str, tags: tuple[str, ...], remove: tuple[str, ...], *, clear: bool, as_json: bool) -> None:
    """Add tags to a study, or take them away.

    Examples:
      reid-tune studies tag cows paper baseline
      reid-tune studies tag cows --remove baseline
    """
    from orchestrator.service.service import Service
    from orchestrator.service.views_acting import TagRequest
    from reid_core.errors import UsageError

    if not (tags or remove or clear):
        raise UsageError("no tag is named", hint="name tags to add, or use --remove or --clear")
    say(Service().tag(study, TagRequest(add=tags, remove=remove, clear=clear), whoever()), as_json=as_json)


COMMANDS: tuple[click.Command, ...] = (
    pause_command,
    resume_command,
    stop_command,
    archive_command,
    unarchive_command,
    delete_command,
    note_command,
    tag_command,
)
