"""The trials of a study as a table: which columns there are, filtered, sorted, and as CSV. Pure functions."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from orchestrator.service.trials.filter import ALIASES, Cells, FieldKind, trial_filter
from orchestrator.service.views import StudyDetail, TrialRow
from reid_core.config import Value, suggest
from reid_core.errors import UsageError
from search_spaces.model import Goal

__all__ = ["STANDARD", "TableView", "cells_of", "columns_of", "csv_lines", "fields_of", "select_trials"]

_DIGITS = 6  # significant ones, as the page's board has them: a filter there and here passes the same trials
_FIXED = {
    "trial": FieldKind.NUMBER,
    "origin": FieldKind.TEXT,
    "rung": FieldKind.NUMBER,
    "epoch": FieldKind.NUMBER,
    "bracket": FieldKind.NUMBER,
    "state": FieldKind.TEXT,
    "node": FieldKind.TEXT,
    "pinned": FieldKind.ANY,
    "failure": FieldKind.TEXT,
    "reason": FieldKind.PROSE,
}
STANDARD = ("trial", "origin", "rung", "epoch", "METRICS", "changed", "state", "node")
"""The columns of the page until others are chosen; METRICS stands for those that the study's task shows."""
_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n")


@dataclass(frozen=True, slots=True)
class TableView:
    """What a person asked the table for: a filter, a column to sort by (`-mAP`: falling), the columns to show."""

    filter: str = ""
    sort: str = ""
    columns: tuple[str, ...] = ()


def fields_of(study: StudyDetail) -> dict[str, FieldKind]:
    """What a filter may name: the columns, the metrics that the page holds, the parameters."""
    space = study.space_model
    metrics = (*study.measures.shown, *(one.metric for one in study.objective))
    parameters = dict.fromkeys((*space.parameters, *(key for row in study.trials[:1] for key in row.values)))
    return {**_FIXED, **dict.fromkeys(metrics, FieldKind.NUMBER), **dict.fromkeys(parameters, FieldKind.ANY)}


def cells_of(study: StudyDetail, row: TrialRow) -> dict[str, Value]:
    """A trial's cells by the names of `fields_of`; what it does not have is missing."""
    fixed: dict[str, Value] = {
        "trial": row.id,
        "origin": row.origin.value,
        "rung": row.rung,
        "epoch": row.epoch,
        "bracket": row.bracket + 1,
        "state": row.status.value,
        "node": row.node,
        "pinned": row.pinned,
        "failure": row.failure,
        "reason": row.advance_reason or row.reason,
    }
    names = (*study.measures.shown, *(one.metric for one in study.objective))
    metrics = {name: _short(row.metrics[name]) for name in names if name in row.metrics}
    return {**fixed, **metrics, **row.values}


def columns_of(study: StudyDetail, wanted: Sequence[str]) -> tuple[str, ...]:
    """The columns to show, in the order asked for; none: the usual ones. UsageError for one that there is not."""
    known = {**fields_of(study), "changed": FieldKind.TEXT}
    asked = wanted or STANDARD
    found: list[str] = []
    for name in asked:
        meant = ALIASES.get(name, name)
        if meant != "METRICS" and meant not in known:
            raise UsageError(f"{name} is not a column of the trials table", hint=suggest(name, known))
        found += study.measures.shown if meant == "METRICS" else [meant]
    return tuple(dict.fromkeys(found))


def select_trials(study: StudyDetail, view: TableView) -> list[TrialRow]:
    """The trials that pass the filter, sorted; by default pinned ones first, then the best in the first objective.

    Raises InvalidInput with the column of a fault in the filter, UsageError for a column that there is not.
    """
    fields = fields_of(study)
    test = trial_filter(view.filter, fields)
    cells = [(row, cells_of(study, row)) for row in study.trials]
    passed = [(row, known) for row, known in cells if test(known)]
    name, down = _order(study, view.sort, fields)
    order = sorted(passed, key=lambda one: one[0].id)
    there = [one for one in order if one[1].get(name) is not None]
    there.sort(key=lambda one: _rank(one[1][name]), reverse=down)  # of equals the earlier trial stays first
    found = [row for row, _ in (*there, *(one for one in order if one[1].get(name) is None))]
    return found if view.sort else sorted(found, key=lambda row: not row.pinned)


def _order(study: StudyDetail, sort: str, fields: dict[str, FieldKind]) -> tuple[str, bool]:
    if not sort:
        first = study.objective[0]
        return first.metric, first.goal is Goal.MAXIMIZE
    name = ALIASES.get(sort.lstrip("-"), sort.lstrip("-"))
    if name not in fields:
        raise UsageError(f"the trials cannot be sorted by {name}", hint=suggest(name, fields))
    return name, sort.startswith("-")


def _rank(cell: Value) -> tuple[int, float, str]:
    """Numbers before text; a number that is none before both."""
    if isinstance(cell, bool | int | float):
        return (0, -math.inf if math.isnan(cell) else float(cell), "")
    return (1, 0.0, cell if isinstance(cell, str) else json.dumps(cell))


def csv_lines(study: StudyDetail, view: TableView) -> Iterator[str]:
    """A table of every trial that passes: a head, then a line a trial, all parameters unless columns are chosen.

    Cells that a spreadsheet would run as a formula begin with an apostrophe. Raises as `select_trials`, at once.
    """
    fields = fields_of(study)
    chosen = columns_of(study, view.columns) if view.columns else tuple(fields)
    names = tuple(name for name in chosen if name != "changed")
    rows = select_trials(study, view)
    return _lines(study, names, rows)


def _lines(study: StudyDetail, names: Sequence[str], rows: Sequence[TrialRow]) -> Iterator[str]:
    yield _line([_plain(name) for name in names])
    for row in rows:
        known: Cells = {**cells_of(study, row), **row.metrics}
        yield _line([_plain(known.get(name)) for name in names])


def _line(cells: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue()


def _plain(cell: Value) -> str:
    match cell:
        case None:
            return ""
        case bool():
            return "true" if cell else "false"
        case int() | float():
            return str(cell)
        case str():
            return f"'{cell}" if cell.startswith(_FORMULAS) else cell
        case _:
            return json.dumps(cell)


def _short(number: float) -> float:
    return float(f"{number:.{_DIGITS}g}")
