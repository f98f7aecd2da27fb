"""The end of a run: the winner against the recipe's default, where the model lies, what to type next."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from orchestrator.cli.output import INTERRUPTED, console, counted, duration, number, table
from orchestrator.events import StudyState, StudyStatus
from search_spaces.measures import COSTS, Measures, measures_of

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from orchestrator.service.service import Service
    from orchestrator.service.views import BestView

__all__ = ["print_outcome", "print_winner"]

_MOST = 4  # metrics of the task, besides those that it shows everywhere


def print_outcome(
    service: Service, study: str, state: StudyState, *, quiet: bool, tracked: Callable[[], bool] | None
) -> int:
    """Say how the study ended; the exit code. `tracked` tells whether MLflow is still being written to."""
    name = state.created.name if state.created is not None else study
    if state.status is StudyStatus.PAUSED:
        if not quiet:
            click.echo(
                f"study {name} is paused: {state.epochs_spent} epochs are saved. Continue with:\n"
                f"  reid-tune run --resume {name}"
            )
        return INTERRUPTED
    if state.status is StudyStatus.FAILED:
        click.echo(f"study {name} failed: {state.reason}", err=True)
        return 1
    if not quiet and state.created is not None and state.created.space.rows:
        _print_rows(service, study, name)
    elif not quiet and state.epochs_spent:
        print_winner(service, study)
    elif not quiet:
        click.echo(f"study {name} {state.status}: no trial finished an epoch")
    if tracked is not None:
        _print_tracking(service, study, tracked)
    return 0


def _print_rows(service: Service, study: str, name: str) -> None:
    """The table of a space with rows: nothing is won there, rows are compared."""
    from orchestrator.cli.study_report import print_report

    print_report(service, study)
    out = console()
    out.print(f"\nTable       reid-tune report {name} --format md", soft_wrap=True)
    out.print(f"Dashboard   reid-tune serve --open {name}", soft_wrap=True)


def print_winner(service: Service, study: str, *, pick: str = "", trial: int | None = None) -> None:
    """The winner's table and the commands that follow; `pick` and `trial` choose another, as Service.winner does."""
    from rich.markup import escape

    from orchestrator.cli.front import front_lines, print_front

    out, detail = console(), service.study(study)
    best = service.winner(study, pick=pick, trial=trial)
    chosen = service.trial(study, best.trial)
    spent = (detail.ended_at or detail.updated_at) - detail.created_at
    idle = "" if detail.idle_share is None else f", slots idle {100 * detail.idle_share:.1f} % of the time"
    out.print(
        f"\n[bold]Study {detail.name} {detail.status}[/] in {duration(spent)}: "
        f"{counted(detail.trials_started, 'trial')}, {counted(detail.epochs_spent, 'epoch')}{idle}"
        f"{escape('; ' + detail.reason) if detail.reason else ''}\n"
    )
    _print_comparison(out, service, study, best)
    print_front(detail)
    for line in front_lines(detail)[-1:] if detail.constraints else []:
        out.print(f"\n{line}", markup=False, soft_wrap=True)
    changes = [
        change for change in chosen.diff if change.key in {**detail.space_model.parameters, **detail.space_model.tied}
    ]
    if changes:
        out.print()
        rows = [[change.key, number(change.default), number(change.value)] for change in changes]
        out.print(table(["what the winner changes", "default", "winner"], rows))
    other = f" --pick {pick}" if pick else "" if trial is None else f" --trial {trial}"
    out.print(f"\nModel       {chosen.checkpoint}", soft_wrap=True)
    for label, command in (
        ("Dashboard", f"reid-tune serve --open {detail.name}"),
        ("MLflow", "reid-tune mlflow ui"),
        ("Retrain", f"reid-tune best {detail.name}{other} --retrain"),
        ("Config", f"reid-tune export-config {detail.name} --out {detail.name}.yaml"),
    ):
        out.print(f"{label:<11} {command}", soft_wrap=True)


def _print_comparison(out: Console, service: Service, study: str, best: BestView) -> None:
    """Winner and default at the same epochs; the winner's last epoch too when the default rested earlier.

    A fork may have no epoch in common with the default: what ran before it forked is its parent's.
    """
    from rich.text import Text

    from orchestrator.service.progress import default_at

    state = service.state(study)
    default = next(
        (trial for trial in state.trials.values() if trial.origin.value == "default" and trial.history), None
    )
    champion = state.trials[best.trial]
    objectives = [each.metric for each in state.created.space.objective] if state.created is not None else []
    measures = measures_of() if state.created is None else state.created.space.measures
    costs = [name for name in objectives if name in COSTS]
    shown = dict.fromkeys((*measures.told(best.metrics)[:_MOST], *measures.shown, *costs))
    names = [name for name in shown if name in best.metrics]
    rows: list[list[str | Text]] = []
    beside = None
    if default is not None:
        common = max(default.history.keys() & champion.history.keys(), default=max(default.history))
        won = ", the winner" if default.id == champion.id else ""
        name = f"default configuration (trial {default.id}{won})"
        beside = default_at(state, common)
        rows.append([name, str(common), *_cells({} if beside is None else beside.metrics, names, measures, beside)])
        if default.id != champion.id and common != best.epoch and common in champion.history:
            rows.append(
                [
                    f"winner (trial {champion.id})",
                    str(common),
                    *_cells(champion.history.get(common, {}), names, measures),
                ]
            )
    if default is None or default.id != champion.id:
        last = [f"winner (trial {champion.id})", str(best.epoch), *_cells(best.metrics, names, measures, best)]
        rows.append([Text(cell, "bold") for cell in last])
    percent = all(measures.is_fraction(name) for name in names if name not in costs)
    heads = [measures.title(name) if percent and name not in costs else measures.label(name) for name in names]
    first = "validation, %" if percent else "validation"
    out.print(table([first, "epochs", *heads], rows, right=["epochs", *heads], keys=2))
    _print_runs(out, best, beside)


def _print_runs(out: Console, best: BestView, default: BestView | None) -> None:
    """How many seeds stand behind the means of the table; nothing without a mean."""
    told = {"winner": best} if default is None or default.trial == best.trial else {"winner": best, "default": default}
    over = [f"{who} over {one.runs} seeds" for who, one in told.items() if one.runs > 1]
    if over:
        out.print(f"\nmean ± standard deviation: {', '.join(over)}", markup=False)


def _cells(metrics: dict[str, float], names: list[str], measures: Measures, best: BestView | None = None) -> list[str]:
    """Metrics in their units; those of a winner that was confirmed with their deviations."""
    deviations = {} if best is None else best.deviations
    return [
        measures.text(metrics.get(name), name)
        + (f" ± {measures.text(deviations[name], name)}" if name in deviations else "")
        for name in names
    ]


def _print_tracking(service: Service, study: str, tracked: Callable[[], bool]) -> None:
    """Whether MLflow has everything; if not, which command brings it there."""
    from orchestrator.service.tracking import wait_for_tracking

    with console(err=True).status("MLflow catches up ..."):
        behind = wait_for_tracking(service, study, seconds=30.0, following=tracked)
    if behind:
        row = service.store.find(study)
        click.echo(
            f"note: MLflow misses {behind}; bring it up to date with:\n  reid-tune mlflow sync {row.name}", err=True
        )
