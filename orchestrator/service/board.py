"""A study as its page draws it: trials in columns, only the curves that are drawn. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from orchestrator.events import StudyState, TrialState
from orchestrator.service.progress import objective_of
from orchestrator.service.views import BoardView, MetricsView, StepsView, StudyDetail, TrialColumns, TrialRow
from search_spaces.model import Goal, Objective

__all__ = ["board_of"]

_CURVES = 100
_DIGITS = 6  # significant ones: tables show three


def board_of(state: StudyState, detail: StudyDetail, steps: StepsView) -> BoardView:
    """The page's data out of a study's state and its `detail`; `steps` is its best so far."""
    objective = objective_of(state)
    return BoardView(
        study=detail.model_copy(update={"trials": ()}),
        trials=_columns(detail.trials, [*detail.measures.shown, *(one.metric for one in detail.objective)]),
        best=steps,
        curves=_curves(detail, state, objective),
    )


def _columns(rows: Sequence[TrialRow], metrics: Sequence[str]) -> TrialColumns:
    names = dict.fromkeys(metrics)
    keys = dict.fromkeys(key for row in rows for key in row.values)
    active = {key: [key in row.values for row in rows] for key in keys}
    return TrialColumns(
        id=tuple(row.id for row in rows),
        status=tuple(row.status for row in rows),
        origin=tuple(row.origin for row in rows),
        bracket=tuple(row.bracket for row in rows),
        rung=tuple(row.rung for row in rows),
        epoch=tuple(row.epoch for row in rows),
        score=tuple(_short(row.score) for row in rows),
        metrics={name: tuple(_short(row.metrics.get(name)) for row in rows) for name in names},
        values={key: tuple(row.values.get(key) for row in rows) for key in keys},
        active={key: "".join("01"[on] for on in there) for key, there in active.items() if not all(there)},
        broken=tuple(row.broken for row in rows) if any(row.broken for row in rows) else (),
        reason=tuple(row.reason for row in rows),
        advance_reason=tuple(row.advance_reason for row in rows),
        failure=tuple(row.failure for row in rows),
        message=tuple(row.message for row in rows),
        node=tuple(row.node for row in rows),
        pinned=tuple(row.pinned for row in rows) if any(row.pinned for row in rows) else (),
    )


def _curves(detail: StudyDetail, state: StudyState, objective: Objective) -> MetricsView:
    """The objective of the best trials by their last score, as the page ranks them."""
    sign = -1.0 if objective.goal is Goal.MAXIMIZE else 1.0

    def rank(row: TrialRow) -> tuple[bool, float]:
        known = row.score is not None and not math.isnan(row.score)
        return not known, sign * row.score if known and row.score is not None else 0.0

    drawn = sorted((row for row in detail.trials if row.epoch > 0), key=rank)[:_CURVES]
    points = list(_points(state.trials[row.id] for row in drawn))
    return MetricsView(
        revision=state.seq,
        trial=tuple(trial for trial, _, _ in points),
        epoch=tuple(epoch for _, epoch, _ in points),
        metrics={objective.metric: tuple(_short(metrics.get(objective.metric)) for _, _, metrics in points)},
    )


def _points(trials: Iterable[TrialState]) -> Iterable[tuple[int, int, dict[str, float]]]:
    for trial in trials:
        for epoch, metrics in trial.history.items():
            yield trial.id, epoch, metrics


def _short(number: float | None) -> float | None:
    return None if number is None else float(f"{number:.{_DIGITS}g}")
