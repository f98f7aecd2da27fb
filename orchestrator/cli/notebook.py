"""A study as a Jupyter notebook: its tables in words, and its numbers with the code that draws them.

The numbers travel in the notebook: it runs without the study's files, where pandas and matplotlib are installed.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from orchestrator.cli.markup import Sheet, markdown
from orchestrator.cli.output import counted
from orchestrator.service.trials.table import TableView, csv_lines
from search_spaces.model import Goal

if TYPE_CHECKING:
    from orchestrator.service.views import BoardView, StudyDetail

__all__ = ["notebook"]

_READ = """\
import io

import matplotlib.pyplot as plt
import pandas as pd

metric = {metric!r}
"""
_TRIALS = """\
trials = pd.read_csv(io.StringIO(TRIALS), index_col="trial")
trials.sort_values(metric, ascending={minimise}).head({most})
"""
_CURVES = """\
curves = pd.read_csv(io.StringIO(CURVES))
axes = curves.pivot(index="epoch", columns="trial", values=metric).plot(marker=".")
axes.set(xlabel="epoch", ylabel=metric, title="Learning curves of the best trials")
plt.show()
"""
_STEPS = """\
best = pd.read_csv(io.StringIO(BEST))
axes = best.plot(x="epochs", y=metric, drawstyle="steps-post", marker=".", legend=False)
axes.set(xlabel="epochs spent", ylabel=metric, title="Best so far against cost")
plt.show()
"""


def notebook(study: StudyDetail, board: BoardView, sheets: Sequence[Sheet], *, most: int) -> str:
    """The notebook's JSON (nbformat 4). Curves are of the best `most` trials; cells are not run."""
    import nbformat
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

    first = study.objective[0]
    minimise = first.goal is Goal.MINIMIZE
    read = _READ.format(metric=first.metric)
    table = "".join(line.replace("\r\n", "\n") for line in csv_lines(study, TableView()))
    sources = [read + _data("TRIALS", table) + _TRIALS.format(minimise=minimise, most=most)]
    if board.best.best:
        steps = _csv(("epochs", first.metric), zip(board.best.spent, board.best.best, strict=True))
        curves = _csv(("trial", "epoch", first.metric), _curves(board, first.metric, most, minimise=minimise))
        sources += [_data("BEST", steps) + _STEPS, _data("CURVES", curves) + _CURVES]
    counts = f"{counted(study.trials_started, 'trial')}, {counted(study.epochs_spent, 'epoch')}"
    told = f"{study.status.value.capitalize()}: {counts}. Made by: reid-tune report {study.name} --format ipynb"
    cells = [new_markdown_cell(markdown(sheet)) for sheet in (Sheet(study.name, (), (), (), (told,)), *sheets)]
    cells[2:2] = map(new_code_cell, sources)
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"  # the same study gives the same file
    made = new_notebook(cells=cells, metadata={"language_info": {"name": "python"}})
    nbformat.validate(made)
    return str(nbformat.writes(made))


def _data(name: str, text: str) -> str:
    """An assignment of the text: a literal, so that nothing in it is code."""
    lines = "\n".join(f"    {line!r}" for line in text.splitlines(keepends=True))
    return f"{name} = (\n{lines}\n)\n"


def _curves(board: BoardView, metric: str, most: int, *, minimise: bool) -> list[tuple[int, int, float]]:
    """Trial, epoch and value of each reported epoch of the best `most` trials."""
    columns = board.curves
    reached = [
        (trial, epoch, value)
        for trial, epoch, value in zip(columns.trial, columns.epoch, columns.metrics[metric], strict=True)
        if value is not None
    ]
    best: dict[int, float] = {}
    for trial, _, value in reached:
        known = best.setdefault(trial, value)
        best[trial] = min(known, value) if minimise else max(known, value)
    shown = set(sorted(best, key=lambda trial: best[trial], reverse=not minimise)[:most])
    return [row for row in reached if row[0] in shown]


def _csv(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return text.getvalue()
