"""`reid-tune report`: a study as a table for a paper, a page or a program."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from orchestrator.cli.analysis import WHY, analysis_sheets
from orchestrator.cli.command import Command
from orchestrator.cli.markup import Sheet, latex, markdown
from orchestrator.cli.output import (
    console,
    counted,
    number,
    plain_json,
    print_json,
    study_argument,
    table,
)
from orchestrator.cli.teachers import teacher_text
from search_spaces.names import short_names

if TYPE_CHECKING:
    from orchestrator.service.report import ReportRow, ReportTrial, Spread, StudyReport
    from orchestrator.service.service import Service
    from search_spaces.measures import Measures

__all__ = ["print_report", "report_command", "sheet_of"]

_PARAMETERS = "parameters"


@click.command("report", cls=Command)
@study_argument
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "md", "latex", "html", "ipynb", "json"]),
    default="text",
    show_default=True,
    help="text for people, md for a page, latex for a paper, html to print and to send, ipynb to go on with, "
    "json for programs.",
)
@click.option(
    "--metric",
    "metrics",
    default="",
    metavar="NAMES",
    help="Metrics, with commas. Default: the task's own, for reid mAP,mINP,rank1.",
)
@click.option(
    "--trials",
    "most",
    type=click.IntRange(1),
    default=10,
    show_default=True,
    metavar="N",
    help="How many trials, in a study without rows.",
)
@click.option(
    "--analysis/--no-analysis",
    default=True,
    help="Also what matters, what the model believes and what going on would gain. Not in latex.  [default: analysis]",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
def report_command(study: str, form: str, metrics: str, most: int, *, analysis: bool, as_json: bool) -> None:
    """A study as a table: an ablation's rows over their seeds, or the best trials.

    Rows show mean and standard deviation over the seeds, the difference to the row above, and published numbers.
    Trials are followed by importance, partial dependence, what the model believes and the expected gain.

    Examples:
      reid-tune report
      reid-tune report cows --format md > cows.md
      reid-tune report cows --format latex --metric rank1,mAP
      reid-tune report cows --format html > cows.html
      reid-tune report cows --format ipynb > cows.ipynb
    """
    from orchestrator.service.service import Service

    service, wanted = Service(), _wanted(metrics)
    if form == "html" and not as_json:
        from dashboards.study_report import report_page

        click.echo(report_page(service, study, wanted, most=most, analysed=analysis))
        return
    report = service.report(study, wanted, most=most)
    known = service.analysis(study) if analysis and not report.rows and form != "latex" else None
    if as_json or form == "json":
        print_json({**plain_json(report), "analysis": None if known is None else plain_json(known)})
        return
    sheets = [] if known is None else analysis_sheets(known)
    if form == "text":
        for sheet in (sheet_of(report, folded=True), *sheets):
            print_sheet(sheet)
    elif form == "ipynb":
        from orchestrator.cli.notebook import notebook

        told = (sheet_of(report), *sheets)
        click.echo(notebook(service.study(study), service.board(study), told, most=most))
    else:
        made = {"md": markdown, "latex": latex}[form]
        click.echo("\n".join(made(sheet) for sheet in (sheet_of(report), *sheets)), nl=False)


def _wanted(text: str) -> list[str]:
    """The metrics that are asked for."""
    return list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def print_report(service: Service, study: str) -> None:
    """The table on the terminal."""
    print_sheet(sheet_of(service.report(study), folded=True))


def print_sheet(sheet: Sheet) -> None:
    """A sheet as rich shows tables."""
    out = console()
    out.print(f"\n{sheet.title}\n", markup=False, soft_wrap=True)
    if sheet.columns:
        out.print(table(sheet.columns, sheet.rows, right=sheet.right, fold=[_PARAMETERS, WHY]))
        out.print()
    for note in sheet.notes:
        out.print(note, markup=False)


def sheet_of(report: StudyReport, *, folded: bool = False) -> Sheet:
    """The report in words: numbers in percent, with one decimal. `folded`: parameters in one column, to be wrapped."""
    return _rows_sheet(report) if report.rows else _trials_sheet(report, folded=folded)


def _rows_sheet(report: StudyReport) -> Sheet:
    measures = report.measures
    compared = measures.best if measures.best in report.metrics else report.metrics[0]
    cited = {column.name: _cited(report, column.name) for column in report.columns}
    cited = {name: metrics for name, metrics in cited.items() if metrics}
    right = [
        "seeds",
        *(_heading(name, report) for name in report.metrics),
        f"Δ {_heading(compared, report)}",
        *(f"{name}\n{' / '.join(_heading(one, report) for one in metrics)}" for name, metrics in cited.items()),
    ]
    rows = [
        (
            row.name,
            _count(row),
            *(_spread(row.metrics.get(name), name, measures) for name in report.metrics),
            _spread(row.gains.get(compared), compared, measures, sign="+"),
            *(_published(row.published.get(column, {}), metrics, measures) for column, metrics in cited.items()),
        )
        for row in report.rows
    ]
    sources = [f"{column.name}: {column.source}" for column in report.columns if column.source and column.name in cited]
    notes = [
        f"{_unit(report)}{_over(report.seeds)}. Δ: difference to the row that it adds to, seed by seed.",
        _measured(report),
        *(["Published: " + "; ".join(sources)] if sources else []),
    ]
    title = f"{report.space}: {report.description}" if report.description else report.space
    return Sheet(title, ("row", *right), tuple(rows), right, (*notes, *_unfinished(report)))


def _over(seeds: Sequence[int]) -> str:
    if len(seeds) > 1:
        return f": mean ± standard deviation over the seeds {', '.join(map(str, seeds))}"
    return f", with the seed {seeds[0]}" if seeds else ""


def _cited(report: StudyReport, column: str) -> list[str]:
    known = {name for row in report.rows for name in row.published.get(column, {})}
    return [name for name in report.metrics if name in known]


def _published(numbers: dict[str, float], metrics: list[str], measures: Measures) -> str:
    return " / ".join(_value(numbers.get(name), name, measures) for name in metrics) if numbers else "-"


def _count(row: ReportRow) -> str:
    return f"{row.trials} ({row.failed} failed)" if row.failed else str(row.trials)


def _trials_sheet(report: StudyReport, *, folded: bool) -> Sheet:
    short = list(short_names(report.varied).values())
    several = len({trial.seed for trial in report.trials}) > 1
    numbers = ["trial", "epoch", *(["seed"] if several else [])]
    metrics = [_heading(name, report) for name in report.metrics]
    rows = []
    for trial in report.trials:
        known = (trial.id, trial.origin.value, trial.epoch, *([trial.seed] if several else []))
        values = [number(trial.values[key]) if key in trial.values else "-" for key in report.varied]
        reached = [_reached(trial, name, report.measures) for name in report.metrics]
        told = ", ".join(f"{name} {value}" for name, value in zip(short, values, strict=True) if value != "-")
        rows.append((*map(str, known), *((*reached, told) if folded else (*values, *reached))))
    columns = ("trial", "origin", *numbers[1:], *((*metrics, _PARAMETERS) if folded else (*short, *metrics)))
    right = [*numbers, *metrics]
    shown = f"the best {len(rows)} of " if len(rows) < report.trials_in_all else ""
    title = f"Study {report.study}: {shown}{counted(report.trials_in_all, 'trial')} over {report.space}"
    notes = [_percent(report), *_front(report), _measured(report), *_told(report), *_unfinished(report)]
    return Sheet(title, columns, tuple(rows), right, tuple(notes))


def _reached(trial: ReportTrial, metric: str, measures: Measures) -> str:
    value = _value(trial.metrics.get(metric), metric, measures)
    return f"{value} ± {_value(trial.deviations[metric], metric, measures)}" if metric in trial.deviations else value


def _front(report: StudyReport) -> list[str]:
    """The Pareto front and the constraints in words, where the study has them."""
    wanted = " and ".join(report.constraints)
    numbers = ", ".join(map(str, report.front))
    share = "" if report.hypervolume is None else f"; hypervolume {report.hypervolume:.3f}"
    named = f"Pareto front of {' and '.join(report.objective)}: trials {numbers or 'none yet'}{share}."
    return [*([named] if len(report.objective) > 1 else []), *([f"Wanted: {wanted}."] if wanted else [])]


def _percent(report: StudyReport) -> str:
    runs = max((trial.runs for trial in report.trials), default=1)
    unit = _unit(report)
    return f"{unit}; ±: mean and standard deviation over {runs} seeds." if runs > 1 else f"{unit}."


def _unit(report: StudyReport) -> str:
    """Whether every metric of the task that is shown is in percent, or each says its unit."""
    return "In percent" if _all_percent(report) else "In percent where a column says %"


def _all_percent(report: StudyReport) -> bool:
    return all(report.measures.is_fraction(name) for name in report.metrics if name in report.measures.own)


def _told(report: StudyReport) -> list[str]:
    """Teachers, limits and earlier studies, where there are any."""
    earlier = ", ".join(f"{one.study} ({counted(one.results, 'result')})" for one in report.warm_start)
    limits = "; ".join(limit.text for limit in report.limits)
    ended = f" It ended because {report.reason}." if limits and report.reason else ""
    taught = "; ".join(teacher_text(one, report.measures.task) for one in report.teachers)
    return [
        *([f"Learned from {taught}."] if taught else []),
        *([f"Warm start from {earlier}."] if earlier else []),
        *([f"Limits: {limits}.{ended}"] if limits else []),
    ]


def _measured(report: StudyReport) -> str:
    if report.protocol.value == "test":
        how = f"trained on all identities, measured once on the test split after {counted(report.epochs, 'epoch')}"
    else:
        length = counted(report.epochs, "epoch")
        how = f"measured on the validation split, cut from the training identities; {length} in full"
    return f"Data: {report.data}. Protocol: {how}."


def _unfinished(report: StudyReport) -> list[str]:
    return [] if report.status.value == "completed" else [f"The study {report.study} is {report.status.value}."]


def _heading(metric: str, report: StudyReport) -> str:
    """The unit is in a note below where it is percent everywhere."""
    measures = report.measures
    percent = measures.is_fraction(metric) and not _all_percent(report)
    return measures.label(metric) if percent or not measures.is_fraction(metric) else measures.title(metric)


def _value(value: float | None, metric: str, measures: Measures, sign: str = "") -> str:
    if value is None:
        return "-"
    # z: a difference that rounds to nothing is +0.0, whatever its sign
    if measures.is_fraction(metric):
        return format(100 * value, f"{sign}z.1f")
    if metric == "loss":
        return format(value, f"{sign}z.3f")
    return f"{'+' if sign and value >= 0 else '-' if value < 0 else ''}{measures.text(abs(value), metric)}"


def _spread(spread: Spread | None, metric: str, measures: Measures, sign: str = "") -> str:
    if spread is None:
        return "-"
    mean = _value(spread.mean, metric, measures, sign)
    return mean if spread.deviation is None else f"{mean} ± {_value(spread.deviation, metric, measures)}"
