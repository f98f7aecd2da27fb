"""How commands print: tables for people, JSON for programs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from orchestrator.cli.completion import complete_study

if TYPE_CHECKING:
    from pydantic import BaseModel
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from orchestrator.events import TrialState
    from orchestrator.service.views import BestView, TrialRow
    from search_spaces.measures import Measures

__all__ = [
    "INTERRUPTED",
    "console",
    "counted",
    "discard_output",
    "duration",
    "json_option",
    "number",
    "origin_of",
    "percent",
    "plain_json",
    "plus_minus",
    "print_json",
    "study_argument",
    "table",
]

INTERRUPTED = 130
"""The exit code of a command that was interrupted with everything saved."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
study_argument = click.argument("study", default="latest", shell_complete=complete_study)


def console(*, err: bool = False, pipe: int = 120) -> Console:
    """A console as wide as the terminal; in a pipe `pipe` columns, so that tables are not cut."""
    from orchestrator.cli.terminal import Terminal

    made = Terminal(stderr=err, highlight=False)
    return made if made.is_terminal else Terminal(stderr=err, highlight=False, width=pipe)


def discard_output() -> None:
    """Whoever read our output has left, as `head` does: what is still printed goes nowhere, without an error."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str | Text]],
    *,
    right: Iterable[str] = (),
    fold: Iterable[str] = (),
    keys: int = 1,
) -> Table:
    """A plain table; columns in `right` are aligned right, those in `fold` may wrap, all others stay on one line.

    Columns that are too many for the terminal follow below, each time behind the first `keys`: nothing is cut.
    Text cells are shown as they are: what looks like rich's markup in them is not.
    """
    from rich import box
    from rich.text import Text

    from orchestrator.cli.stacked import StackedTable

    aligned, folded = set(right), set(fold)
    made = StackedTable(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    made.keys = keys
    for column in columns:
        made.add_column(
            column, justify="right" if column in aligned else "left", overflow="fold", no_wrap=column not in folded
        )
    for row in rows:
        made.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    return made


def print_json(value: BaseModel | Sequence[BaseModel] | Sequence[str] | dict[str, object]) -> None:
    """Indented JSON with sorted keys on standard output."""
    from pydantic import BaseModel

    if isinstance(value, BaseModel):
        plain: object = plain_json(value)
    elif isinstance(value, dict):
        plain = value
    else:
        plain = [one if isinstance(one, str) else plain_json(one) for one in value]
    click.echo(json.dumps(plain, indent=2, sort_keys=True, ensure_ascii=False))


def plain_json(value: BaseModel) -> dict[str, object]:
    """A model as plain JSON values; a metric that is no number becomes null, for JSON knows no NaN."""
    made: dict[str, object] = json.loads(value.model_dump_json(), parse_constant=lambda _: None)
    return made


def percent(value: float | None) -> str:
    """A fraction in [0, 1] in percent with one decimal; a dash when there is none."""
    return "-" if value is None else f"{100 * value:.1f}"


def plus_minus(best: BestView, metric: str, measures: Measures) -> str:
    """` ± 0.8 over 4 seeds` after a metric; empty for a single run."""
    if best.runs == 1 or metric not in best.deviations:
        return ""
    return f" ± {measures.text(best.deviations[metric], metric)} over {best.runs} seeds"


def number(value: object) -> str:
    """A configuration value, short, as YAML writes it: floats with three significant digits."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(number(item) for item in value)}]"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def counted(count: int, noun: str) -> str:
    """`1 trial`, `12 trials`."""
    return f"{count} {noun}{'s' * (count != 1)}"


def origin_of(trial: TrialState | TrialRow) -> str:
    """Where a trial comes from; in a grid which configuration it is, and with which seed."""
    if trial.confirms is not None:
        return f"confirms {trial.confirms}, seed {trial.seed}"
    if trial.parent is not None:
        return f"fork of {trial.parent}"
    return trial.origin.value if trial.seed is None else f"{trial.row or trial.origin.value}, seed {trial.seed}"


def duration(seconds: float | None) -> str:
    """Seconds as `42 s`, `3 min 5 s` or `2 h 10 min`; a dash when unknown."""
    if seconds is None:
        return "-"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
