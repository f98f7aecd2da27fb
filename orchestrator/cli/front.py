"""Several objectives on the terminal: the Pareto front as a table, and constraints that are met or not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestrator.cli.output import console, counted, table

if TYPE_CHECKING:
    from orchestrator.service.views import BestView, StudySummary
    from search_spaces.measures import Measures

__all__ = ["front_lines", "print_front"]


def front_lines(summary: StudySummary) -> list[str]:
    """What `status` says of front and constraints; nothing for a study with one objective and no constraints."""
    lines = []
    if len(summary.objective) > 1:
        names = " and ".join(each.metric for each in summary.objective)
        lines.append(f"front of {names}: {counted(len(summary.front), 'result')}{_volume(summary.hypervolume)}")
    return lines + _constraint_lines(summary)


def _constraint_lines(summary: StudySummary) -> list[str]:
    if not summary.constraints:
        return []
    wanted = " and ".join(summary.constraints)
    if summary.best is None:
        return [f"wanted: {wanted}"]
    if not summary.best.broken:
        return [f"satisfied by the best: {wanted}"]
    has = ", ".join(f"{name} {summary.measures.percent(value, name)}" for name, value in _named(summary.best).items())
    return [f"no trial satisfies {wanted} yet; the nearest, trial {summary.best.trial}, has {has}"]


def _named(best: BestView) -> dict[str, float]:
    """The metrics that the broken constraints name."""
    return {
        name: value
        for name, value in best.metrics.items()
        if any(re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", text) for text in best.broken)
    }


def print_front(summary: StudySummary) -> None:
    """The front as a table, best in the first objective first; nothing where there is none."""
    if not summary.front:
        return
    out, metrics = console(), [each.metric for each in summary.objective]
    columns = ["trial", "epoch", *map(summary.measures.label, metrics)]
    out.print()
    out.print(table(columns, [_row(one, metrics, summary.measures) for one in summary.front], right=columns))
    name = summary.name
    out.print(
        f"\nPareto front{_volume(summary.hypervolume)}. Take another one than the winner: "
        f"reid-tune best {name} --pick {metrics[-1]}, or --trial N",
        markup=False,
        soft_wrap=True,
    )


def _row(one: BestView, metrics: Sequence[str], measures: Measures) -> list[str]:
    return [str(one.trial), str(one.epoch), *(measures.text(one.metrics.get(name), name) for name in metrics)]


def _volume(share: float | None) -> str:
    return "" if share is None else f", hypervolume {share:.3f}"
