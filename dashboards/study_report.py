"""A study as one file to print and to send: HTML that refers to nothing outside, charts drawn on the server."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from markupsafe import Markup

from dashboards.formats import metric_label, value
from dashboards.rendering import STATIC, environment
from dashboards.study_page import bracket_groups, changed_settings
from dashboards.svg import Chart, Line, bar_chart, line_chart
from dashboards.trial_comparison import curve_chart
from orchestrator.service.service import Service
from orchestrator.service.trials.comparing import ComparedTrial, compared
from orchestrator.service.views import BoardView, StudyDetail
from orchestrator.service.views_analysis import AnalysisView
from search_spaces.model import Choice, Parameter
from search_spaces.names import short_names

__all__ = ["report_page", "report_policy"]

_CURVES, _TRIALS = 7, 20


@dataclass(frozen=True, slots=True)
class Standing:
    """A rung: who was to reach it, who did, and the best of those that stand on it."""

    rung: int
    places: int
    reached: int
    best: float | None


@lru_cache(maxsize=1)
def _style() -> str:
    return (STATIC / "css" / "report.css").read_text(encoding="utf-8")


def report_policy() -> str:
    """The Content-Security-Policy of the report: its own style, and nothing else at all."""
    mark = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{mark}'; base-uri 'none'; frame-ancestors 'none'"


def report_page(
    service: Service, study: str, metrics: Sequence[str] = (), *, most: int = _TRIALS, analysed: bool = True
) -> str:
    """The report as HTML, with `metrics` as columns of its table of the best `most` trials. Raises as the service."""
    detail, board, report = service.study(study), service.board(study), service.report(study, metrics, most=most)
    analysis = service.analysis(study) if analysed and not detail.space_model.rows and detail.trials else None
    created = service.state(study).created
    objective = detail.objective[0]
    default = next((row for row in detail.trials if row.origin.value == "default"), None)
    numbers = list(dict.fromkeys([one.trial for one in (detail.best, detail.default) if one is not None]))
    beside = [service.trial(study, number) for number in numbers]
    pair = compared(detail.name, beside, tuple(detail.space_model.parameters)) if beside else None
    rows = {row.id: row for row in detail.trials}
    context = {
        "study": detail,
        "objective": objective.metric,
        "style": Markup(_style()),  # noqa: S704 - a file of this package
        "made_at": time.time(),
        "ranges": [(key, _range(one), one.help) for key, one in detail.space_model.parameters.items()],
        "brackets": bracket_groups(detail.plan),
        "standings": _standings(detail),
        "pair": pair,
        "default": default,
        "steps": _steps(detail, board),
        "curves": curve_chart(objective.metric, _best(service, detail), detail.measures),
        "curve_names": [trial.id for trial in _best(service, detail)],
        "importance": _importance(analysis),
        "analysis": analysis,
        "report": report,
        "top": [(one, changed_settings(detail, rows[one.id])) for one in report.trials if one.id in rows],
        "versions": {} if created is None else dict(sorted(created.versions.items())),
    }
    return environment().get_template("study_report.html").render(context)


def _range(parameter: Parameter) -> str:
    if isinstance(parameter, Choice):
        return ", ".join(value(one) for one in parameter.values)
    return f"{value(parameter.low)} to {value(parameter.high)}{', logarithmic' if parameter.log else ''}"


def _standings(study: StudyDetail) -> list[Standing]:
    """The rungs from the top, over all brackets."""
    sign = 1 if study.objective[0].goal.value == "maximize" else -1
    made = []
    for rung in reversed(study.plan.rungs):
        places = sum(
            size for one in study.plan.brackets for size, at in zip(one.sizes, one.rungs, strict=True) if at == rung
        )
        scores = [row.score for row in study.trials if row.epoch >= rung and row.rung == rung and row.score is not None]
        reached = sum(row.epoch >= rung for row in study.trials)
        made.append(Standing(rung, places, reached, sign * max(sign * one for one in scores) if scores else None))
    return made


def _steps(study: StudyDetail, board: BoardView) -> Markup:
    name = study.objective[0].metric
    size = 100.0 if study.measures.is_fraction(name) else 1.0
    spent, best = list(board.best.spent), [size * one for one in board.best.best]
    if best and spent[-1] < study.epochs_spent:
        spent, best = [*spent, study.epochs_spent], [*best, best[-1]]
    known = study.default.metrics.get(name) if study.default is not None else None
    level = None if known is None else (size * known, "the recipe's default")
    label = metric_label(name, study.measures)
    chart = Chart("epochs spent", label, f"Best {label} so far against epochs spent", level)
    return line_chart(chart, [Line("best so far", spent, best, stepped=True)])


def _best(service: Service, study: StudyDetail) -> Sequence[ComparedTrial]:
    """The best trials at their last epoch, for their curves."""
    sign = 1 if study.objective[0].goal.value == "maximize" else -1
    scored = [(sign * row.score, row.epoch, -row.id) for row in study.trials if row.score is not None]
    numbers = [-number for _, _, number in sorted(scored, reverse=True)[:_CURVES]]
    if not numbers:
        return ()
    return compared(study.name, [service.trial(study.id, number) for number in numbers], ()).trials


def _importance(analysis: AnalysisView | None) -> Markup:
    if analysis is None or analysis.importance.needs:
        return Markup()
    parts = analysis.importance.parameters
    short = short_names(one.name for one in parts)
    return bar_chart([(short[one.name], one.mean, one.low, one.high) for one in parts], "Importance of the parameters")
