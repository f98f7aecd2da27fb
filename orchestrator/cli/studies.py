"""`reid-tune status` and `studies`: look at studies and act on them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from orchestrator.cli.acting import COMMANDS as ACTING
from orchestrator.cli.changing import COMMANDS as CHANGING
from orchestrator.cli.command import Command, Group
from orchestrator.cli.completion import complete_study
from orchestrator.cli.front import front_lines
from orchestrator.cli.output import (
    console,
    counted,
    duration,
    json_option,
    plus_minus,
    print_json,
    study_argument,
    table,
)
from orchestrator.cli.service import print_service
from orchestrator.cli.share import share_command
from orchestrator.cli.teachers import teacher_text
from orchestrator.cli.watch import watch_service

if TYPE_CHECKING:
    from rich.console import Console

    from orchestrator.service.views import StudySummary
    from search_spaces.measures import Measures

__all__ = ["status_command", "studies_group"]


@click.command("status", cls=Command)
@click.argument("study", default="", shell_complete=complete_study)
@json_option
@click.option("--watch", is_flag=True, help="Refresh every two seconds; without STUDY the whole service.")
def status_command(study: str, *, as_json: bool, watch: bool) -> None:
    """Where a study stands: its trials, the incumbent, time left. Without STUDY the service, when it is up.

    Without STUDY and without a service (`reid-tune up`) it is the latest study.

    Examples:
      reid-tune status
      reid-tune status latest
      reid-tune status cows --watch
      reid-tune status --watch          # nodes, queue, rates of the whole service
    """
    from orchestrator.cli.live import trials_table
    from orchestrator.service.service import Service

    service = Service()
    if not study and watch:
        watch_service(service, as_json=as_json)
        return
    if not study:
        view = service.daemon()
        if view.up or view.died is not None:
            print_json(view) if as_json else print_service(view)
            return
    study = study or "latest"
    if as_json:
        print_json(service.study(study))
        return
    out = console()
    while True:
        summary = service.summary(study)
        if watch and out.is_terminal:
            out.clear()
        _print_summary(summary, served=service.is_served(summary.id))
        trouble = service.trouble(summary.id)
        if trouble:
            out.print(f"  the service gave it up: {trouble}", markup=False, soft_wrap=not out.is_terminal)
        out.print(trials_table(service.state(study), alive=summary.status.value != "interrupted"))
        if not watch or summary.status.value != "running":
            return
        time.sleep(2)


def _print_summary(summary: StudySummary, *, served: bool) -> None:
    out = console()
    known = summary.status.value == "running" and summary.seconds_left is not None
    left = f", {duration(summary.seconds_left)} left" if known else ""
    out.print(
        f"[bold]{summary.name}[/] {summary.status}: "
        f"{summary.trials_started} of {counted(summary.trials_planned, 'trial')}, "
        f"{summary.epochs_spent} of {counted(summary.epochs_planned, 'epoch')}{left}"
    )
    if summary.reason:
        out.print(f"  {summary.reason}", markup=False, soft_wrap=not out.is_terminal)
    for node, why in summary.avoided.items():
        out.print(f"  node {node} is set aside: {why}", markup=False, soft_wrap=not out.is_terminal)
    if summary.limits:
        out.print(
            f"  limits: {'; '.join(limit.text for limit in summary.limits)}",
            markup=False,
            soft_wrap=not out.is_terminal,
        )
    if summary.status.value in {"interrupted", "paused"}:
        out.print(f"  {_going_on(summary, served=served)}")
    elif summary.status.value == "queued" and served:
        out.print("  it waits for the service: the next `reid-tune up` goes on with it")
    if summary.best is not None:
        metric = summary.objective[0].metric
        default = summary.default is not None and summary.default.trial == summary.best.trial
        gain = (
            ""
            if summary.best.gain is None
            else f", {_difference(summary.best.gain, metric, summary.measures)} against the default"
        )
        gain = ", the default configuration" if default else gain
        spread = plus_minus(summary.best, metric, summary.measures)
        out.print(
            f"  best {metric} {summary.measures.text(summary.best.metrics.get(metric), metric)}{spread} "
            f"(trial {summary.best.trial}, epoch {summary.best.epoch}{gain})"
        )
    for line in front_lines(summary):
        out.print(f"  {line}", markup=False, soft_wrap=not out.is_terminal)


def _going_on(summary: StudySummary, *, served: bool) -> str:
    """What brings a study that rests on its way again."""
    if served and summary.status.value == "interrupted":
        return "it belongs to the service: the next `reid-tune up` goes on with it"
    return f"continue with: reid-tune run --resume {summary.name}"


def _difference(gain: float, metric: str, measures: Measures) -> str:
    return f"{'+' if gain >= 0 else '-'}{measures.text(abs(gain), metric)}"


def _best(summary: StudySummary) -> str:
    metric = summary.objective[0].metric
    return "-" if summary.best is None else summary.measures.text(summary.best.metrics.get(metric), metric)


@click.group("studies", cls=Group)
def studies_group() -> None:
    """List studies, show one, and act on it: pause, stop, extend, clone, delete ..."""


for command in (share_command, *ACTING, *CHANGING):
    studies_group.add_command(command)


@studies_group.command("ls")
@click.option("--all", "everything", is_flag=True, help="Archived studies, too.")
@json_option
def studies_ls(*, everything: bool, as_json: bool) -> None:
    """Every study, newest first, without those that are archived.

    Examples:
      reid-tune studies ls
      reid-tune studies ls --all --json
    """
    from orchestrator.service.service import Service

    found = Service().studies(archived=everything)
    if as_json:
        print_json(found)
        return
    if not found:
        click.echo("no studies yet; start one with: reid-tune --space bnneck.yaml --trials 12")
        return
    columns = ["study", "status", "space", "trials", "epochs", "best", "", "started"]
    rows = [
        [
            one.name,
            f"{one.status.value}, archived" if one.archived else one.status.value,
            one.space,
            f"{one.trials_started}/{one.trials_planned}",
            f"{one.epochs_spent}/{one.epochs_planned}",
            _best(one),
            one.objective[0].metric,
            time.strftime("%Y-%m-%d %H:%M", time.localtime(one.created_at)),
        ]
        for one in found
    ]
    console().print(table(columns, rows, right=["trials", "epochs", "best"], fold=["started"]))


@studies_group.command("show")
@study_argument
@json_option
def studies_show(study: str, *, as_json: bool) -> None:
    """One study: data, trials, incumbent, the command that makes it again.

    Examples:
      reid-tune studies show
      reid-tune studies show cows --json
    """
    from orchestrator.cli.live import trials_table
    from orchestrator.service.service import Service

    service = Service()
    detail = service.study(study)
    if as_json:
        print_json(detail)
        return
    _print_summary(detail, served=service.is_served(detail.id))
    out = console()
    idle = "-" if detail.idle_share is None else f"{100 * detail.idle_share:.1f} %"
    for label, value in (
        ("id", detail.id),
        (
            "space",
            f"{detail.space}, {len(detail.space_model.parameters)} parameters, {detail.algorithm}, seed {detail.seed}",
        ),
        ("data", detail.data),
        ("workers", f"{detail.workers} ({detail.backend}), idle {idle}"),
        ("folder", detail.directory),
        ("command", detail.command),
        *(("teacher", teacher_text(one, detail.measures.task)) for one in detail.teachers),
        *(("earlier", f"{counted(one.results, 'result')} of study {one.study}") for one in detail.warm_start),
        *((("enqueued", counted(detail.enqueued, "configuration")),) if detail.enqueued else ()),
        *((("waiting", f"{counted(detail.waiting, 'enqueued configuration')} to try"),) if detail.waiting else ()),
        *((("tags", ", ".join(detail.tags)),) if detail.tags else ()),
        *((("note", detail.note),) if detail.note else ()),
        *((("archived", "yes; `reid-tune studies unarchive` lists it again"),) if detail.archived else ()),
        *((("confirm", f"{counted(detail.confirm, 'new seed')} for each finalist"),) if detail.confirm else ()),
    ):
        _print_labelled(out, label, value)
    out.print(trials_table(service.state(study), alive=detail.status.value != "interrupted"))


def _print_labelled(out: Console, label: str, value: str) -> None:
    """A line; in a terminal it wraps below its value, but what is to be copied, a folder or a command, stays one."""
    from rich.padding import Padding
    from rich.text import Text

    first = f"  {label:<8} "
    if not out.is_terminal or label in {"folder", "command"}:
        out.print(f"{first}{value}", soft_wrap=True, markup=False)
        return
    lines = Text(value).wrap(out, max(out.width - len(first), 1))
    out.print(Text(first) + lines[0])
    for line in lines[1:]:
        out.print(Padding(line, (0, 0, 0, len(first))))
