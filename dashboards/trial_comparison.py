"""What compare_trials.html shows: where configurations differ, the curves over each other, the metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from dashboards.formats import metric_label
from dashboards.svg import Chart, Line, line_chart
from orchestrator.service.trials.comparing import ComparedTrial, TrialComparison
from orchestrator.service.views import StudyDetail
from search_spaces.measures import Measures

__all__ = ["comparison_context", "curve_chart"]

_CHARTS = ("loss", "lr")
"""Drawn beside the task's own metrics, where they are reported."""


@dataclass(frozen=True, slots=True)
class MetricRow:
    """A metric of each trial in order; `best` is the place of the best one."""

    name: str
    values: tuple[float | None, ...]
    best: int | None


def comparison_context(study: StudyDetail, comparison: TrialComparison) -> dict[str, object]:
    """The context of compare_trials.html."""
    shown = dict.fromkeys((study.objective[0].metric, *study.measures.shown, *_CHARTS))
    names = [name for name in shown if any(name in trial.curves for trial in comparison.trials)]
    known = sorted({name for trial in comparison.trials for name in trial.metrics} - set(names))
    return {
        "study": study,
        "comparison": comparison,
        "charts": [(name, curve_chart(name, comparison.trials, study.measures)) for name in names],
        "metrics": [_row(name, comparison.trials, study) for name in (*names, *known)],
    }


def curve_chart(name: str, trials: Sequence[ComparedTrial], measures: Measures) -> Markup:
    """A metric of each trial against its epoch; the trial's place is its line's style."""
    size = 100.0 if measures.is_fraction(name) else 1.0
    lines = [
        Line(
            f"trial {trial.id}",
            trial.epochs,
            [None if value is None else size * value for value in trial.curves[name]],
            place,
        )
        for place, trial in enumerate(trials)
        if name in trial.curves
    ]
    label = metric_label(name, measures)
    told = f"{label} of trials {', '.join(str(trial.id) for trial in trials)} against their epochs"
    return line_chart(Chart("epoch", label, told), lines)


def _row(name: str, trials: Sequence[ComparedTrial], study: StudyDetail) -> MetricRow:
    values = tuple(trial.metrics.get(name) for trial in trials)
    known = [(value, place) for place, value in enumerate(values) if value is not None and value == value]  # noqa: PLR0124 - not NaN
    judged = name in study.measures.own or name in {one.metric for one in study.objective}
    if len(known) < 2 or not judged:
        return MetricRow(name, values, None)
    lower = name in study.measures.lower
    return MetricRow(name, values, (min(known) if lower else max(known, key=lambda one: (one[0], -one[1])))[1])
