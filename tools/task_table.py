"""Write docs/tasks/README.md from the cards of the shipped tasks; `--check` only says whether it is up to date.

python tools/task_table.py [--check]
"""  # noqa: INP001 - a script, not a package

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from generated import write_or_check

from orchestrator.service.tasks import TaskView, tasks

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "tasks"
TARGET = FOLDER / "README.md"

_PAGES = {"reid": "../engine.md"}
"""Where a task is described, if not in a file of its name."""

INTRODUCTION = """\
# Tasks

<!-- Written by tools/task_table.py from the cards in reid_core/tasks. Do not edit. -->

A recipe chooses its task by `TASK.NAME`. The task says what is read, built and measured; training, search, export and
pages are the same for all. The metric in bold chooses the best epoch and is a space's objective where it names none.
`reid-tune tasks` prints this table with those of installed packages; [a task of your own](../recipes/task.md) is one.
"""


def page() -> str:
    """Write the whole page."""
    shipped = [task for task in tasks() if task.source == "reid_core"]
    lines = ["| task | what | metrics | recipes | spaces |", "|---|---|---|---|---|", *map(_row, shipped)]
    more = list(_more({task.name for task in shipped}))
    return "\n".join([INTRODUCTION, *lines, *(["", "More:", "", *more] if more else []), ""])


def _row(task: TaskView) -> str:
    told = _PAGES.get(task.name) or (f"{task.name}.md" if (FOLDER / f"{task.name}.md").is_file() else "")
    name = f"[{task.name}]({told})" if told else task.name
    best = task.measures.best
    metrics = ", ".join(f"**{measure}**" if measure == best else measure for measure in task.measures.own)
    cells = (name, task.summary, metrics, ", ".join(task.recipes), ", ".join(task.spaces))
    return f"| {' | '.join(cells)} |"


def _more(named: set[str]) -> Iterator[str]:
    """The pages that are no task's own, by their titles."""
    for path in sorted(FOLDER.glob("*.md")):
        if path != TARGET and path.stem not in named:
            title = path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
            yield f"- [{title}]({path.name})"


if __name__ == "__main__":
    sys.exit(write_or_check(TARGET, page(), sys.argv[1:]))
