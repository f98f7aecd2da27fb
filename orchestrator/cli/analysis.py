"""The analysis of a study in words: sheets that `reid-tune report` prints after its table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.cli.markup import Sheet
from orchestrator.cli.output import counted, number
from search_spaces.names import short_names

if TYPE_CHECKING:
    from orchestrator.service.views import TrialDetail
    from orchestrator.service.views_analysis import AnalysisView, BelievedTrial, DependenceView

__all__ = ["WHY", "analysis_sheets", "why_lines"]

WHY = "why"
_NEW = "new"


def analysis_sheets(view: AnalysisView) -> list[Sheet]:
    """Importance, dependence, belief and expected gain; a part that lacks results is a sheet that says so."""
    return [_importance(view), _dependence(view), _belief(view), _gain(view)]


def why_lines(detail: TrialDetail) -> list[str]:
    """Why a trial was tried and each time trained further, a line each."""
    lines = [f"tried       {detail.origin.value}: {detail.reason or 'no reason was noted'}"]
    for segment in detail.segments:
        if segment.attempt == 1 and segment.from_epoch > 0 and segment.reason:
            epochs = f"{segment.from_epoch} to {segment.to_epoch}"
            lines.append(f"{epochs:<11} {segment.reason}")
    return lines


def _importance(view: AnalysisView) -> Sheet:
    part = view.importance
    if part.needs:
        return Sheet("Importance", (), (), (), (f"Needs {part.needs}.",))
    rows = tuple((one.name, _share(one.mean), f"{_share(one.low)} to {_share(one.high)}") for one in part.parameters)
    interval = f"{100 * part.interval:.0f} % interval"
    note = (
        f"Share of the variance of {view.objective.metric} at epoch {view.max_epochs} that a parameter explains, in "
        f"percent: functional ANOVA over {counted(part.trials, 'trial')}, drawn anew {part.draws} times."
    )
    return Sheet("Importance", ("parameter", "share", interval), rows, ("share", interval), (note, *view.notes))


def _dependence(view: AnalysisView) -> Sheet:
    title, part = "Partial dependence", view.dependence
    if part.needs:
        return Sheet(title, (), (), (), (f"Needs {part.needs}.",))
    minimise = view.objective.goal.value == "minimize"
    columns = ("parameter", "best at", "expected", "worst at", "expected there")
    rows = tuple(_extremes(one, fraction=view.fraction, minimise=minimise) for one in part.parameters)
    note = (
        f"{_metric(view)} that the model expects at epoch {view.max_epochs}, mean over the other parameters ± the "
        "model's deviation. Unclear: the values differ by less than that deviation."
    )
    return Sheet(title, columns, rows, ("expected", "expected there"), (note,))


def _extremes(one: DependenceView, *, fraction: bool, minimise: bool) -> tuple[str, ...]:
    places = sorted(range(len(one.values)), key=lambda place: one.mean[place], reverse=not minimise)
    best, worst = one.mean[places[0]], one.mean[places[-1]]
    if abs(best - worst) < sum(one.deviation) / len(one.deviation):
        return (one.name, "unclear", _spread(best, one.deviation[places[0]], fraction=fraction), "-", "-")
    cells = [one.name]
    for place in (places[0], places[-1]):
        cells += [number(one.values[place]), _spread(one.mean[place], one.deviation[place], fraction=fraction)]
    return tuple(cells)


def _belief(view: AnalysisView) -> Sheet:
    title, part = "What the model believes", view.belief
    if part.needs:
        return Sheet(title, (), (), (), (f"Needs {part.needs}.",))
    fraction = view.fraction
    rows = [
        (
            str(one.trial),
            str(one.epoch),
            _value(one.seen, fraction=fraction),
            _spread(one.mean, one.deviation, fraction=fraction),
            _why(one),
        )
        for one in part.trials
    ]
    if part.new is not None:
        short = short_names(part.new.values)
        told = ", ".join(f"{short[key]} {number(value)}" for key, value in part.new.values.items())
        rows.append((_NEW, "-", "-", _spread(part.new.mean, part.new.deviation, fraction=fraction), told))
    columns = ("trial", "epoch", "seen", "expected in full", WHY)
    note = (
        f"{_metric(view)} that the model expects at epoch {view.max_epochs} ± its deviation; the best believed first."
    )
    return Sheet(title, columns, tuple(rows), columns[:-1], (note,))


def _why(one: BelievedTrial) -> str:
    return one.advance_reason or f"{one.origin.value}: {one.reason}"


def _gain(view: AnalysisView) -> Sheet:
    part = view.gain
    return Sheet("Expected gain", (), (), (), (f"Needs {part.needs}." if part.needs else part.text,))


def _metric(view: AnalysisView) -> str:
    return f"{view.objective.metric} in percent" if view.fraction else view.objective.metric


def _share(share: float) -> str:
    return f"{100 * share:.0f}"


def _spread(mean: float, deviation: float, *, fraction: bool) -> str:
    return f"{_value(mean, fraction=fraction)} ± {_value(deviation, fraction=fraction)}"


def _value(value: float | None, *, fraction: bool) -> str:
    if value is None:
        return "-"
    return f"{100 * value:.1f}" if fraction else f"{value:.4g}"
