"""The metrics that a space names against those that the task of its recipe reports."""

from __future__ import annotations

from collections.abc import Mapping

from reid_core.config import Value, suggest
from reid_core.config.source import Path
from search_spaces.draft import Draft
from search_spaces.limits import parse_target, target_fault
from search_spaces.measures import Measures, any_measures, measures_of
from search_spaces.model import Goal, Objective, lower_is_better

__all__ = ["settle_measures", "unreported"]

_TASK = "TASK.NAME"


def settle_measures(draft: Draft, base: Mapping[str, Value]) -> None:
    """Find the task's measures and check objectives, target and published numbers against them.

    `base` is the configuration as far as it is known. Where it names no task, because its recipe is faulty, the
    measures of any task will do. An objective without a metric, or without a goal, gets the task's.
    """
    try:
        draft.measures = measures_of(str(base.get(_TASK, "reid"))) if base or draft.recipe is None else any_measures()
    except KeyError:  # the schema's check says it
        draft.measures = any_measures()
    draft.objective = tuple(one.settled(draft.measures) for one in draft.objective)
    several = isinstance(draft.source.value, dict) and isinstance(draft.source.value.get("objective"), list)
    for index, objective in enumerate(draft.objective):
        path: Path = ("objective", index, "metric") if several else ("objective", "metric")
        _check(draft, objective.metric, path, "objective")
        _check_goal(draft, objective, (*path[:-1], "goal"))
    for index, row in enumerate(draft.rows):
        for column, metrics in row.published.items():
            for metric in metrics:
                _check(draft, metric, ("rows", index, "published", column, metric), "rows")
    if draft.budget.target:
        names, unbounded = draft.measures.names, draft.measures.unbounded
        lower = lower_is_better(draft.objective, draft.measures)
        found = target_fault(parse_target(draft.budget.target), names, unbounded, lower)
        if found is not None:
            code, message, hint = found
            draft.report(code, message, ("budget", "target"), hint=hint, key="budget")


def _check_goal(draft: Draft, objective: Objective, path: Path) -> None:
    """Find an objective that asks for the worst: `minimize` of a measure that is better the higher it is, or so."""
    measures, goal = draft.measures, objective.goal
    if objective.metric not in measures.names:
        return  # told already
    lower = objective.metric in measures.lower
    if (goal is Goal.MINIMIZE) is lower:
        return
    better = "lower" if lower else "higher"
    message = f"{objective.metric} is better the {better} it is, so that with goal: {goal} the worst trial would win"
    hint = f"write goal: {'minimize' if lower else 'maximize'}, or leave it out"
    draft.report("objective-against-goal", message, path, hint=hint, key="objective")


def _check(draft: Draft, metric: str, path: Path, key: str) -> None:
    if metric not in draft.measures.names:
        message, hint = unreported(draft.measures, metric)
        draft.report("unknown-metric", message, path, hint=hint, key=key)


def unreported(measures: Measures, metric: str) -> tuple[str, str]:
    """(message, hint) for a metric that no trial of the task reports."""
    task = f"a trial of the task {measures.task}" if measures.task not in {"", "reid"} else "a trial"
    hint = suggest(metric, measures.names) or f"there are {', '.join(measures.names)}"
    return f"{metric} is not a metric that {task} reports", hint
