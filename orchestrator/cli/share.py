"""A study's share of the service's slots: the options of `run`, and `reid-tune studies share` while it runs."""

from __future__ import annotations

import click

from orchestrator.cli.acting import say, whoever
from orchestrator.cli.command import Command
from orchestrator.cli.completion import complete_study
from orchestrator.cli.output import json_option

__all__ = ["SHARE_OPTIONS", "share_command"]

SHARE_OPTIONS = (
    click.option(
        "--max-slots",
        type=click.IntRange(min=1),
        metavar="N",
        help="In the service: never more of its slots than this.",
    ),
    click.option(
        "--priority",
        type=click.IntRange(-1000, 1000),
        metavar="P",
        help="In the service: the higher is served first. Default: 0.",
    ),
    click.option(
        "--weight",
        type=click.FloatRange(min=0, min_open=True, max=1e6),
        metavar="W",
        help="In the service: share of the slots, beside studies of the same priority. Default: 1.",
    ),
)


@click.command("share", cls=Command)
@click.argument("study", default="latest", shell_complete=complete_study)
@click.option(
    "--max-slots",
    type=click.IntRange(min=0),
    metavar="N",
    help="In the service: never more of its slots than this. 0: no limit any more.",
)
@SHARE_OPTIONS[1]
@SHARE_OPTIONS[2]
@json_option
def share_command(
    study: str, max_slots: int | None, priority: int | None, weight: float | None, *, as_json: bool
) -> None:
    """Change a study's share of the service's slots, from now on.

    Where it gets fewer, its newest trials pause after their epoch, and go on when it gets more again.

    Examples:
      reid-tune studies share cows --priority 5
      reid-tune studies share cows --weight 2 --max-slots 4
      reid-tune studies share cows --max-slots 0      # as many as there are
    """
    from orchestrator.service.errors import UsageError
    from orchestrator.service.service import Service

    if (max_slots, priority, weight) == (None, None, None):
        raise UsageError("nothing to change", hint="give --max-slots, --priority or --weight")
    say(Service().share(study, whoever(), max_slots=max_slots, priority=priority, weight=weight), as_json=as_json)
