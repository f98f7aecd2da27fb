"""`reid-tune trial`: the trials of a study, one of them, and its log."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from orchestrator.cli.analysis import why_lines
from orchestrator.cli.command import Group
from orchestrator.cli.completion import complete_study
from orchestrator.cli.output import console, json_option, number, origin_of, print_json, study_argument, table
from orchestrator.cli.trial_acting import COMMANDS

if TYPE_CHECKING:
    from orchestrator.service.views import TrialDetail, TrialRow
    from reid_core.config import Values
    from search_spaces.measures import Measures

__all__ = ["trial_group"]

named_study = click.argument("study", shell_complete=complete_study)
trial_number = click.argument("trial", type=int)


@click.group("trial", cls=Group)
def trial_group() -> None:
    """Look at the trials of a study, and act on them: stop, retry, promote, pin, clone ..."""


for command in COMMANDS:
    trial_group.add_command(command)


@trial_group.command("ls")
@study_argument
@json_option
def trial_ls(study: str, *, as_json: bool) -> None:
    """Every trial, and what it changes against the default.

    Examples:
      reid-tune trial ls
      reid-tune trial ls cows --json
    """
    from orchestrator.service.service import Service
    from search_spaces.measures import measures_of
    from search_spaces.names import short_names

    service = Service()
    rows = sorted(service.trials(study), key=lambda row: not row.pinned)  # the pinned first, each part by number
    if as_json:
        print_json(rows)
        return
    created = service.state(study).created
    base = created.base if created is not None else {}
    measures = measures_of() if created is None else created.space.measures
    told = measures.columns(row.metrics for row in rows)
    names = dict.fromkeys((told[0], told[-1]))
    titles = [measures.title(name) for name in names]
    short = short_names(dict.fromkeys(key for row in rows for key in row.values))
    columns = ["trial", "origin", "epoch", *titles, "state", "changes against the default"]
    cells = [
        [
            str(row.id),
            origin_of(row),
            str(row.epoch),
            *(measures.text(row.metrics.get(name), name) for name in names),
            f"{row.status.value}, pinned" if row.pinned else row.status.value,
            _changes(row, base, short),
        ]
        for row in rows
    ]
    out = console()
    out.print(table(columns, cells, right=["trial", "epoch", *titles], fold=columns[-1:]))


def _changes(row: TrialRow, default: Values, short: Mapping[str, str]) -> str:
    """`BASE_LR 0.00602, LOGITS.SCALE 2`: each key by its short name."""
    changed = {key: value for key, value in sorted(row.values.items()) if value != default.get(key)}
    return ", ".join(f"{short[key]} {number(value)}" for key, value in changed.items()) or "none"


@trial_group.command("show")
@named_study
@trial_number
@json_option
def trial_show(study: str, trial: int, *, as_json: bool) -> None:
    """One trial: why it was tried, what it changes, its curve, its story.

    Examples:
      reid-tune trial show latest 3
      reid-tune trial show cows 3 --json
    """
    from rich.markup import escape

    from orchestrator.service.service import Service

    service = Service()
    detail = service.trial(study, trial)
    if as_json:
        print_json(detail)
        return
    out = console()
    out.print(
        f"[bold]{detail.study}, trial {detail.id}[/]: {detail.status}, epoch {detail.epoch} of {detail.to_epoch}; "
        f"{detail.origin}: {escape(detail.reason)}{'; pinned' if detail.pinned else ''}\n",
        soft_wrap=True,
    )
    out.print("Why it was tried, and trained from epoch to epoch:")
    for line in why_lines(detail):
        out.print(f"  {line}", markup=False, soft_wrap=True)
    if detail.promoted:
        out.print(
            f"  promoted by {detail.promoted}: it goes on as soon as a slot is free", markup=False, soft_wrap=True
        )
    out.print()
    if detail.message:
        out.print(f"{detail.failure}: {detail.message}\n", markup=False, soft_wrap=True)
    if detail.diff:
        rows = [[change.key, number(change.default), number(change.value)] for change in detail.diff]
        out.print(table(["what it changes", "default", "this trial"], rows, fold=["default", "this trial"]))
        out.print()
    _print_curve(detail, service.study(study).measures)
    for event in detail.events:
        if event.kind not in {"epoch_reported", "checkpoint_saved"}:
            when = time.strftime("%H:%M:%S", time.localtime(event.at))
            out.print(f"{when}  {event.text}", markup=False, soft_wrap=True)
    out.print(f"\nCheckpoint  {detail.checkpoint or '-'}\nFolder      {detail.directory}", markup=False, soft_wrap=True)


def _print_curve(detail: TrialDetail, measures: Measures) -> None:
    names = [name for name in ("loss", *measures.shown, "lr") if name in detail.curves]
    if not detail.epochs:
        return
    rows = [
        [str(epoch), *(_metric(name, detail.curves[name][index], measures) for name in names)]
        for index, epoch in enumerate(detail.epochs)
    ]
    columns = ["epoch", *map(measures.title, names)]
    out = console()
    out.print(table(columns, rows, right=columns))
    used = _used(detail)
    if used:
        out.print(f"\nIts last epoch: {used}", markup=False, soft_wrap=True)
    out.print()


def _metric(name: str, value: float | None, measures: Measures) -> str:
    if name in {"loss", "lr"}:
        return "-" if value is None else f"{value:.3g}"
    return measures.text(value, name)


_USED = {
    "images_per_second": "{:.0f} images/s",
    "data_wait": "{:.0%} of the time waiting for data",
    "cpu": "{:.1f} cores",
    "memory_gb": "{:.1f} GiB",
    "gpu": "GPU {:.0%}",
    "gpu_memory_gb": "{:.1f} GiB of GPU memory",
}


def _used(detail: TrialDetail) -> str:
    """How fast the last epoch was and what it used, as far as it was reported."""
    last = {name: detail.curves[name][-1] for name in _USED if name in detail.curves}
    return ", ".join(_USED[name].format(value) for name, value in last.items() if value is not None)


@trial_group.command("logs")
@named_study
@trial_number
@click.option(
    "--lines", type=click.IntRange(1), default=200, show_default=True, metavar="N", help="How many lines from the end."
)
@click.option("--stdout", "output", flag_value="STDOUT", help="What its processes printed instead of its log.")
@click.option("--stderr", "output", flag_value="STDERR", help="What its processes wrote to standard error.")
@click.option("--follow", is_flag=True, help="Go on with new lines until the trial ends.")
@json_option
def trial_logs(study: str, trial: int, lines: int, output: str | None, *, follow: bool, as_json: bool) -> None:
    """The last lines of a trial's log, or of what its processes printed (backend processes).

    Examples:
      reid-tune trial logs latest 3
      reid-tune trial logs cows 3 --lines 20
      reid-tune trial logs cows 3 --stderr --follow
    """
    from orchestrator.service.service import Service
    from orchestrator.service.trial_output import Output

    wanted = Output[output] if output else Output.LOG
    if follow:
        for line in Service().follow_log(study, trial, lines, wanted):
            click.echo(json.dumps(line) if as_json else line)
        return
    found = Service().trial_log(study, trial, lines, wanted)
    if as_json:
        print_json(found)
        return
    for line in found:
        click.echo(line)
    if not found:
        click.echo(f"trial {trial} has {'printed nothing' if output else 'written no log'} yet", err=True)
