"""`reid-tune status`, `studies`, `best` and `export-config`: look at studies and act on them."""

from __future__ import annotations

import getpass
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.command import Command, Group
from orchestrator.cli.front import front_lines
from orchestrator.cli.output import (
    console,
    counted,
    duration,
    json_option,
    measured,
    percent,
    plus_minus,
    print_json,
    study_argument,
    table,
)

if TYPE_CHECKING:
    from orchestrator.service.views import StudySummary

__all__ = ["best_command", "export_config_command", "status_command", "studies_group"]


@click.command("status", cls=Command)
@study_argument
@json_option
@click.option("--watch", is_flag=True, help="Refresh every two seconds until the study ends.")
def status_command(study: str, *, as_json: bool, watch: bool) -> None:
    """Where a study stands: its trials, the incumbent, time left.

    Examples:
      reid-tune status
      reid-tune status cows --watch
    """
    from orchestrator.cli.live import trials_table
    from orchestrator.service.service import Service

    service = Service()
    if as_json:
        print_json(service.study(study))
        return
    out = console()
    while True:
        summary = service.summary(study)
        if watch and out.is_terminal:
            out.clear()
        _print_summary(summary)
        out.print(trials_table(service.state(study), alive=summary.status.value != "interrupted"))
        if not watch or summary.status.value != "running":
            return
        time.sleep(2)


def _print_summary(summary: StudySummary) -> None:
    out = console()
    known = summary.status.value == "running" and summary.seconds_left is not None
    left = f", {duration(summary.seconds_left)} left" if known else ""
    out.print(
        f"[bold]{summary.name}[/] {summary.status}: "
        f"{summary.trials_started} of {counted(summary.trials_planned, 'trial')}, "
        f"{summary.epochs_spent} of {counted(summary.epochs_planned, 'epoch')}{left}"
    )
    if summary.reason:
        out.print(f"  {summary.reason}", markup=False, soft_wrap=True)
    if summary.limits:
        out.print(f"  limits: {'; '.join(limit.text for limit in summary.limits)}", markup=False, soft_wrap=True)
    if summary.status.value in {"interrupted", "paused"}:
        out.print(f"  continue with: reid-tune run --resume {summary.name}")
    if summary.best is not None:
        metric = summary.objective[0].metric
        default = summary.default is not None and summary.default.trial == summary.best.trial
        gain = "" if summary.best.gain is None else f", {_difference(summary.best.gain, metric)} against the default"
        gain = ", the default configuration" if default else gain
        spread = plus_minus(summary.best, metric)
        out.print(
            f"  best {metric} {measured(summary.best.metrics.get(metric), metric)}{spread} "
            f"(trial {summary.best.trial}, epoch {summary.best.epoch}{gain})"
        )
    for line in front_lines(summary):
        out.print(f"  {line}", markup=False, soft_wrap=True)


def _difference(gain: float, metric: str) -> str:
    return f"{'+' if gain >= 0 else '-'}{measured(abs(gain), metric)}"


@click.group("studies", cls=Group)
def studies_group() -> None:
    """List studies, show one, pause, resume or stop it."""


@studies_group.command("ls")
@json_option
def studies_ls(*, as_json: bool) -> None:
    """Every study, newest first.

    Examples:
      reid-tune studies ls
      reid-tune studies ls --json
    """
    from orchestrator.service.service import Service

    found = Service().studies()
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
            one.status.value,
            one.space,
            f"{one.trials_started}/{one.trials_planned}",
            f"{one.epochs_spent}/{one.epochs_planned}",
            measured(one.best.metrics.get(one.objective[0].metric), one.objective[0].metric) if one.best else "-",
            one.objective[0].metric,
            time.strftime("%Y-%m-%d %H:%M", time.localtime(one.created_at)),
        ]
        for one in found
    ]
    console().print(table(columns, rows, right=["trials", "epochs", "best"], fold=["study", "space", "started"]))


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
    _print_summary(detail)
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
        *(("earlier", f"{counted(one.results, 'result')} of study {one.study}") for one in detail.warm_start),
        *((("enqueued", counted(detail.enqueued, "configuration")),) if detail.enqueued else ()),
        *((("confirm", f"{counted(detail.confirm, 'new seed')} for each finalist"),) if detail.confirm else ()),
    ):
        out.print(f"  {label:<8} {value}", soft_wrap=True, markup=False)
    out.print(trials_table(service.state(study), alive=detail.status.value != "interrupted"))


def _verb(name: str, text: str, done: str) -> None:
    @studies_group.command(name, help=f"{text}\n\nExamples:\n  reid-tune studies {name} cows")
    @study_argument
    @json_option
    def verb(study: str, *, as_json: bool) -> None:
        from orchestrator.service.service import Service

        summary: StudySummary = getattr(Service(), name)(study, by=f"{getpass.getuser()} on the command line")
        if as_json:
            print_json(summary)
        elif summary.ended_at is not None:
            click.echo(f"{summary.name} has ended already: {summary.status}")
        else:
            click.echo(f"{summary.name}: {done.format(name=summary.name)}")


_verb(
    "pause",
    "Finish the running epochs, save, and rest.",
    "asked to pause; continue with `reid-tune studies resume {name}`",
)
_verb(
    "resume",
    "Continue a paused or interrupted study in the background.",
    "continues in the background; follow it with `reid-tune status {name} --watch`",
)
_verb(
    "stop",
    "Finish the running epochs, save, and end the study for good.",
    "asked to stop; see the winner with `reid-tune best {name}`",
)


@click.command("best", cls=Command)
@study_argument
@click.option(
    "--retrain",
    is_flag=True,
    help="Train the winner's configuration on all training data, then measure the test split once.",
)
@click.option(
    "--pick",
    default="",
    metavar="METRIC",
    help="Of several objectives: the one of the Pareto front that is best in this. Default: the first objective.",
)
@click.option("--trial", type=int, metavar="N", help="This trial instead of the winner.")
@click.option("--baseline", is_flag=True, help="With --retrain: do the same for the recipe's default configuration.")
@click.option(
    "--epochs",
    type=click.IntRange(1),
    metavar="N",
    help="With --retrain: train this long. Default: twice the study's full length.",
)
@click.option("--threads", type=click.IntRange(1), metavar="N", help="CPU threads. Default: all cores.")
@json_option
def best_command(
    study: str,
    *,
    retrain: bool,
    pick: str,
    trial: int | None,
    baseline: bool,
    epochs: int | None,
    threads: int | None,
    as_json: bool,
) -> None:
    """The winner of a study; with --retrain, the model to use.

    Examples:
      reid-tune best latest
      reid-tune best cows --retrain --baseline
      reid-tune best cows --pick latency_ms --retrain
    """
    from orchestrator.cli.report import print_winner
    from orchestrator.service.retrain import retrain as retrain_winner
    from orchestrator.service.service import Service

    service = Service()
    if pick and trial is not None:
        raise click.UsageError("--pick and --trial both choose: give one of them")
    if not retrain:
        if as_json:
            print_json(service.trial(study, service.winner(study, pick=pick, trial=trial).trial))
        else:
            print_winner(service, study, pick=pick, trial=trial)
        return
    out = console()
    results = []
    for which in ("default", "winner") if baseline else ("winner",):
        if not as_json:
            out.print(f"training the {which} on all training data ...")
        say = None if as_json else lambda line: out.print(f"  {line}", markup=False)
        results.append(
            retrain_winner(service, study, which=which, pick=pick, trial=trial, epochs=epochs, threads=threads, say=say)
        )
    if as_json:
        print_json(results)
        return
    names = [name for name in ("mAP", "mINP", "rank1", "rank5") if name in results[-1].metrics]
    rows = [
        [f"{one.which} (trial {one.trial})", str(one.epochs), *(percent(one.metrics.get(name)) for name in names)]
        for one in results
    ]
    out.print(table(["test, %", "epochs", *names], rows, right=["epochs", *names]))
    out.print(results[-1].protocol, markup=False)
    out.print(f"Model   {results[-1].checkpoint}", soft_wrap=True)


@click.command("export-config", cls=Command)
@study_argument
@click.option("--trial", type=int, metavar="N", help="Which trial; default: the winner.")
@click.option(
    "--out",
    "out_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write; default: standard output.",
)
@json_option
def export_config_command(study: str, trial: int | None, out_file: Path | None, *, as_json: bool) -> None:
    """The complete configuration of a trial, for `reid-tune train --config`.

    Examples:
      reid-tune export-config latest --out best.yaml
      reid-tune export-config cows --trial 3 > trial3.yaml
    """
    from orchestrator.service.service import Service
    from reid_core.errors import UsageError

    service = Service()
    if as_json:
        number = trial if trial is not None else service.winner(study).trial
        print_json(dict(service.trial(study, number).config))
        return
    text = service.export_config(study, trial)
    if out_file is None:
        click.echo(text, nl=False)
        return
    try:
        out_file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"cannot write {out_file}: {error.strerror}", hint="name a file in an existing folder"
        ) from error
    click.echo(f"wrote {out_file}; train it with: reid-tune train --config {out_file}")
