"""The table of `make bench`."""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Sequence

from perf_runner import Outcome, Result
from rich.table import Table
from rich.text import Text

__all__ = ["line", "machine", "summary", "table"]

_VERDICTS = {True: Text("holds", "green"), False: Text("MISSED", "bold red"), None: Text("")}


def table(results: Sequence[Result], *, quick: bool) -> Table:
    """One line a row, beside its budget and its peer."""
    title = "Benchmarks at reduced sizes: budgets are not judged" if quick else "Benchmarks"
    shown = Table(title=title, title_justify="left", show_lines=False)
    for name in ("what", "value", "budget", "peer", "ratio", ""):
        shown.add_column(name, justify="right" if name in {"value", "peer", "ratio"} else "left", overflow="fold")
    shown.add_column("how", style="dim", overflow="fold")
    for result in results:
        shown.add_row(*_cells(result))
    return shown


def _cells(result: Result) -> list[str | Text]:
    row = result.row
    measured = result.outcome is Outcome.MEASURED
    verdict = _VERDICTS[result.holds] if measured else Text(result.outcome, "red" if _failed(result) else "dim")
    beside = f"beside {row.peer}" if row.peer and result.peer is not None else ""
    return [
        Text(row.name),
        f"{_number(result.value)} {row.unit}" if result.value is not None else "",
        f"{row.budget}{'' if row.budget.of_ratio else ' ' + row.unit}" if row.budget else "",
        f"{_number(result.peer)} {row.unit}" if result.peer is not None else "",
        f"{result.ratio:.3g} x" if result.ratio is not None else "",
        verdict,
        Text("; ".join(filter(None, [beside, result.note]))),
    ]


def _failed(result: Result) -> bool:
    return result.outcome is Outcome.FAILED


def _number(value: float | None) -> str:
    """Three significant digits, whole from 100 on, with separators."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def line(result: Result) -> str:
    """A result in a line, as it comes in."""
    if result.outcome is not Outcome.MEASURED:
        return f"{result.row.name}: {result.outcome}, {result.note}"
    ratio = f", {result.ratio:.3g} x peer" if result.ratio is not None else ""
    return f"{result.row.name}: {_number(result.value)} {result.row.unit}{ratio}"


def summary(results: Sequence[Result]) -> str:
    """How many budgets hold, in a line."""
    verdicts = Counter(result.holds for result in results if result.outcome is Outcome.MEASURED)
    outcomes = Counter(result.outcome for result in results)
    counts = {
        "budgets hold": verdicts[True],
        "missed": verdicts[False],
        "failed": outcomes[Outcome.FAILED],
        "skipped": outcomes[Outcome.SKIPPED],
    }
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count or what == "budgets hold")


def machine() -> str:
    """What the numbers were measured on, without its name."""
    load = os.getloadavg()[0]
    busy = " (busy: times are not to be trusted)" if load > (os.cpu_count() or 1) else ""
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, load {load:.1f}{busy}"
