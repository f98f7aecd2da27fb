"""What changes a study, or makes another one of it: clone, diff, extend, limits."""

from __future__ import annotations

import click

from orchestrator.cli.acting import named_study, say, whoever
from orchestrator.cli.command import Command
from orchestrator.cli.completion import complete_study
from orchestrator.cli.output import console, json_option, print_json, table
from orchestrator.cli.training import set_option

__all__ = ["COMMANDS"]


@click.command("clone", cls=Command)
@named_study
@click.option("--name", required=True, metavar="NEW", help="Name of the new study.")
@set_option
@click.option("--seed", type=int, metavar="N", help="Seed of the search and of every trial. Default: the old one.")
@click.option("--start", is_flag=True, help="Start it in the background, too.")
@json_option
def clone_command(
    study: str, name: str, settings: tuple[tuple[str, str], ...], seed: int | None, *, start: bool, as_json: bool
) -> None:
    """Make a new study as this one is now: the same space, configuration, plan, data and limits.

    Examples:
      reid-tune studies clone cows --name cows-seed-1 --seed 1
      reid-tune studies clone cows --name cows-small --set SOLVER.IMS_PER_BATCH 32 --start
    """
    from orchestrator.service.service import Service
    from orchestrator.service.views_acting import CloneRequest
    from reid_core.config import parse_value

    changes = {key: parse_value(text) for key, text in settings}
    request = CloneRequest(name=name, set=changes, seed=seed, launch=start)
    say(Service().clone(study, request, whoever()), as_json=as_json)


@click.command("diff", cls=Command)
@click.argument("first", shell_complete=complete_study)
@click.argument("second", shell_complete=complete_study)
@json_option
def diff_command(first: str, second: str, *, as_json: bool) -> None:
    """What two studies differ in: space, base configuration, plan, data, limits, search, versions.

    Examples:
      reid-tune studies diff cows cows-seed-1
      reid-tune studies diff cows latest --json
    """
    from orchestrator.service.service import Service

    found = Service().diff(first, second)
    if as_json:
        print_json(found)
        return
    if not found.differences:
        click.echo(f"{found.first} and {found.second} are made alike")
        return
    rows = [[one.section, one.what, one.first, one.second] for one in found.differences]
    columns = ["part", "what differs", found.first, found.second]
    if found.first == found.second:
        columns[3] = f"{found.second} "
    console().print(table(columns, rows, fold=columns[1:], keys=2))


@click.command("extend", cls=Command)
@named_study
@click.option("--trials", type=click.IntRange(1), metavar="N", help="So many more trials.")
@click.option(
    "--epochs",
    type=click.IntRange(1),
    metavar="N",
    help="So many more epochs: as many more trials as they pay for, or with --trials the most that is spent.",
)
@click.option("--max-epochs", type=click.IntRange(1), metavar="N", help="Cannot change: another length is refused.")
@json_option
def extend_command(
    study: str, trials: int | None, epochs: int | None, max_epochs: int | None, *, as_json: bool
) -> None:
    """Give a study more to do, whether it runs or has ended. What was trained counts on.

    One that has ended rests then, and goes on with `studies resume`. Without an option an ended study only rests
    again, for a trial that is to be retried or promoted.

    Examples:
      reid-tune studies extend cows --trials 12
      reid-tune studies extend cows --epochs 240
    """
    from orchestrator.service.service import Service
    from orchestrator.service.views_acting import ExtendRequest

    request = ExtendRequest(trials=trials, epochs=epochs, max_epochs=max_epochs)
    say(Service().extend(study, request, whoever()), as_json=as_json)


@click.command("limits", cls=Command)
@named_study
@click.option("--epochs", type=click.IntRange(1), metavar="N", help="End after N epochs of all trials.")
@click.option("--gpu-hours", type=float, metavar="X", help="End after X GPU-hours of all trials.")
@click.option("--wall-time", default="", metavar="TIME", help="End after this time of running: 90s, 45m, 8h, 2d.")
@click.option("--target", default="", metavar="TEXT", help="End when a trial reaches this: METRIC >= VALUE.")
@click.option(
    "--clear",
    multiple=True,
    type=click.Choice(["epochs", "gpu-hours", "wall-time", "target", "all"]),
    help="Take a limit away. Repeatable.",
)
@json_option
def limits_command(
    study: str,
    epochs: int | None,
    gpu_hours: float | None,
    wall_time: str,
    target: str,
    clear: tuple[str, ...],
    *,
    as_json: bool,
) -> None:
    """Change what ends a search early, while it runs or at rest; limits that are not named stay.

    A study that one of its limits ended can be resumed when the new ones leave room.

    Examples:
      reid-tune studies limits cows --wall-time 8h --target "mAP >= 0.8"
      reid-tune studies limits cows --clear all
    """
    from orchestrator.service.service import Service
    from orchestrator.service.views_acting import LimitsRequest
    from reid_core.errors import UsageError

    if gpu_hours is not None and not 0 < gpu_hours < float("inf"):
        raise UsageError(f"{gpu_hours} GPU-hours are no limit", hint="give a number above 0, or --clear gpu-hours")
    request = LimitsRequest(epochs=epochs, gpu_hours=gpu_hours, wall_time=wall_time, target=target, clear=clear)
    say(Service().change_limits(study, request, whoever()), as_json=as_json)


COMMANDS: tuple[click.Command, ...] = (clone_command, diff_command, extend_command, limits_command)
