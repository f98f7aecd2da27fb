"""The trials table as the server renders it: filter, order and columns as the live one takes them from the address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from dashboards.formats import metric, metric_label, value
from orchestrator.service.errors import ReidTuneError
from orchestrator.service.trials.filter import FieldKind
from orchestrator.service.trials.table import TableView, cells_of, columns_of, fields_of, select_trials
from orchestrator.service.views import StudyDetail, TrialRow
from search_spaces.names import short_names

__all__ = ["PAGE", "TableColumn", "TablePage", "table_page", "view_of"]

PAGE = 50
_TITLES = {
    "trial": "Trial",
    "origin": "Origin",
    "rung": "Rung",
    "epoch": "Epoch",
    "bracket": "Bracket",
    "changed": "Changed parameters",
    "state": "State",
    "node": "Node",
    "pinned": "Pinned",
    "failure": "Failure",
    "reason": "Reason",
}


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A head: its title, the address that sorts by it (empty: it cannot be), and how it is sorted now."""

    name: str
    title: str
    hint: str
    numbers: bool
    href: str
    order: str
    shown: bool = True


@dataclass(frozen=True, slots=True)
class TablePage:
    """One page of the table; `fault` says why the filter, the order or the columns were not taken."""

    view: TableView
    columns: tuple[TableColumn, ...]
    choices: tuple[TableColumn, ...]
    rows: tuple[tuple[TrialRow, tuple[tuple[TableColumn, str], ...]], ...]
    passed: int
    trials: int
    before: str
    after: str
    csv: str
    fault: str = ""


def view_of(wanted: str, sort: str, columns: Sequence[str]) -> TableView:
    """What the address asks for; columns stand in it one by one or with commas."""
    names = tuple(name for part in columns for name in part.split(",") if name)
    return TableView(wanted.strip(), sort.strip(), names)


def table_page(study: StudyDetail, view: TableView, page: int = 1) -> TablePage:
    """The page of the table; a fault in the view is told, and the table shown without it."""
    fault = ""
    try:
        rows, names = select_trials(study, view), columns_of(study, view.columns)
    except ReidTuneError as error:
        fault = _told(error)
        rows, names = select_trials(study, TableView()), columns_of(study, ())
    asked = _asked(view)
    columns = _columns(study, names, view)
    at = max(1, min(page, -(-len(rows) // PAGE) or 1))
    here = rows[(at - 1) * PAGE : at * PAGE]
    return TablePage(
        view=view,
        columns=columns,
        choices=_choices(study, names, view),
        rows=tuple((row, _cells(study, row, columns)) for row in here),
        passed=len(rows),
        trials=len(study.trials),
        before=f"?{urlencode({**asked, 'page': at - 1})}#trials-title" if at > 1 else "",
        after=f"?{urlencode({**asked, 'page': at + 1})}#trials-title" if at * PAGE < len(rows) else "",
        csv=f"/api/v1/studies/{study.id}/trials.csv" + (f"?{urlencode(asked)}" if asked else ""),
        fault=fault,
    )


def _told(error: ReidTuneError) -> str:
    findings = getattr(error, "findings", ())
    return "; ".join(f"column {one.col}: {one.message}" for one in findings) or str(error)


def _asked(view: TableView) -> dict[str, str]:
    told = {"filter": view.filter, "sort": view.sort, "columns": ",".join(view.columns)}
    return {name: text for name, text in told.items() if text}


def _columns(study: StudyDetail, names: Sequence[str], view: TableView) -> tuple[TableColumn, ...]:
    fields = {**fields_of(study), "changed": FieldKind.TEXT}
    parameters = short_names(name for name in fields if name not in _TITLES and "." in name)
    asked = _asked(view)
    made = []
    for name in names:
        numbers = fields[name] is FieldKind.NUMBER
        title = _TITLES.get(name) or parameters.get(name) or metric_label(name, study.measures)
        falling = view.sort != f"-{name}" if numbers and name != "trial" else view.sort == name
        href = f"?{urlencode({**asked, 'sort': ('-' if falling else '') + name})}#trials-title"
        order = {name: "ascending", f"-{name}": "descending"}.get(view.sort, "")
        first = study.objective[0]
        if not view.sort and name == first.metric:
            order = "descending" if first.goal.value == "maximize" else "ascending"
        made.append(TableColumn(name, title, name, numbers, "" if name == "changed" else href, order))
    return tuple(made)


def _choices(study: StudyDetail, shown: Sequence[str], view: TableView) -> tuple[TableColumn, ...]:
    names = (*columns_of(study, ()), *fields_of(study))
    columns = _columns(study, tuple(dict.fromkeys(names)), view)
    return tuple(
        TableColumn(one.name, one.title, one.hint, one.numbers, one.href, one.order, one.name in shown)
        for one in columns
    )


def _cells(study: StudyDetail, row: TrialRow, columns: Sequence[TableColumn]) -> tuple[tuple[TableColumn, str], ...]:
    known = cells_of(study, row)
    metrics = {*study.measures.shown, *(one.metric for one in study.objective)}
    made = []
    for column in columns:
        if column.name in metrics:
            text = metric(row.metrics.get(column.name), column.name, study.measures)
        else:
            text = value(known[column.name]) if column.name in known else ""
        made.append((column, text))
    return tuple(made)
