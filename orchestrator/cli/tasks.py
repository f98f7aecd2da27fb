"""`reid-tune tasks`: what a model can be trained for."""

from __future__ import annotations

import click

from orchestrator.cli.command import Command
from orchestrator.cli.output import console, json_option, print_json, table

__all__ = ["tasks_command"]


@click.command("tasks", cls=Command)
@json_option
def tasks_command(*, as_json: bool) -> None:
    """What a model can be trained for: metrics, recipes and search spaces of each task.

    Tasks of installed packages are among them. A recipe chooses its task by TASK.NAME.

    Examples:
      reid-tune tasks
      reid-tune tasks --json
    """
    from orchestrator.service.tasks import tasks

    found = tasks()
    if as_json:
        print_json(found)
        return
    rows = [
        [one.name, one.summary, *(", ".join(names) for names in (one.measures.own, one.recipes, one.spaces))]
        for one in found
    ]
    words = ["what", "metrics", "recipes", "spaces"]
    console().print(table(["task", *words], rows, fold=words))
    for one in found:
        if one.source != "reid_core":
            click.echo(f"{one.name} comes with the package {one.source}")
