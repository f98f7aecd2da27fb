"""The schedules by name: the rule that says who goes on, and the plan that it follows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from orchestrator.events import Plan, StudyState
from orchestrator.events.aims import Aims
from orchestrator.search.moves import Advance
from orchestrator.search.plan import (
    MOST_TRIALS,
    equal_brackets,
    everyone_on_every_rung,
    full_runs,
    make_plan,
    one_bracket,
    plan_for_epochs,
)
from orchestrator.search.schedules.asha import next_in_asha
from orchestrator.search.schedules.brackets import Opening, next_in_brackets
from orchestrator.search.schedules.median import next_by_median

__all__ = ["SCHEDULES", "Layout", "Rule", "Schedule", "for_epochs"]

Rule: TypeAlias = Callable[[Plan, StudyState, Aims], Advance | Opening | None]
Layout: TypeAlias = Callable[[int, int, int, int], Plan]
"""From max_epochs, min_epochs, eta and a number of trials to a plan."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A rule with its plan. `at_most`: the rule stops trials that the plan counts in full."""

    rule: Rule
    lay_out: Layout
    description: str
    at_most: bool = False


def for_epochs(layout: Layout, max_epochs: int, min_epochs: int, eta: int, epochs: int) -> Plan:
    """The plan with the most trials that `epochs` pay for. Raises SpaceError when not even one full run fits."""
    brackets = plan_for_epochs(max_epochs, min_epochs, eta, epochs)  # Hyperband's, and the check of the numbers
    if layout is make_plan:
        return brackets
    low, high = 1, min(epochs // min_epochs, MOST_TRIALS) + 1
    while high - low > 1:  # a plan with more trials costs more
        middle = (low + high) // 2
        fits = layout(max_epochs, min_epochs, eta, middle).epochs <= epochs
        low, high = (middle, high) if fits else (low, middle)
    return layout(max_epochs, min_epochs, eta, low)


def _full(max_epochs: int, min_epochs: int, eta: int, trials: int) -> Plan:  # noqa: ARG001 - one shape for all
    return full_runs(max_epochs, eta, trials)


SCHEDULES: dict[str, Schedule] = {
    "full": Schedule(next_in_brackets, _full, "every trial is one full run"),
    "hyperband": Schedule(next_in_brackets, make_plan, "brackets from many short runs to a single full one"),
    "successive-halving": Schedule(next_in_brackets, equal_brackets, "brackets of one width, all from the lowest rung"),
    "asha": Schedule(next_in_asha, one_bracket, "the top 1 / eta of a rung goes on, and nobody waits for the others"),
    "median": Schedule(
        next_by_median,
        everyone_on_every_rung,
        "a trial goes on while it is not below the median of the others",
        at_most=True,
    ),
}
