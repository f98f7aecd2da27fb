"""What the study and trial templates show, worked out of the views."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from dashboards.trials_view import PAGE, table_page
from orchestrator.events import Bracket, Plan
from orchestrator.service.trials.table import TableView
from orchestrator.service.views import StudyDetail, TrialRow

__all__ = [
    "BracketGroup",
    "Setting",
    "bracket_groups",
    "changed_settings",
    "study_context",
]

_USUAL = TableView()


@dataclass(frozen=True, slots=True)
class Setting:
    """A parameter of a trial that differs from the default configuration."""

    key: str
    value: object


def changed_settings(study: StudyDetail, row: TrialRow) -> list[Setting]:
    """A trial's values that differ from the default trial's; all of them when there is no default trial."""
    default = next((other.values for other in study.trials if other.origin == "default"), None)
    return [
        Setting(key, value)
        for key, value in row.values.items()
        if default is None or key not in default or default[key] != value
    ]


@dataclass(frozen=True, slots=True)
class BracketGroup:
    """`count` brackets of the same form."""

    count: int
    bracket: Bracket

    @property
    def epochs(self) -> int:
        """Epochs that they cost together."""
        return self.count * self.bracket.epochs


def bracket_groups(plan: Plan) -> list[BracketGroup]:
    """The brackets of a plan, equal ones together, in the order of their first appearance."""
    return [BracketGroup(count, bracket) for bracket, count in Counter(plan.brackets).items()]


def study_context(study: StudyDetail, view: TableView = _USUAL, page: int = 1) -> dict[str, object]:
    """The context of study.html: `view` is what the address asks the table for, `page` counts from 1."""
    table = table_page(study, view, page)
    limits = {one.kind: one for one in study.limits}
    return {
        "study": study,
        "objective": study.objective[0].metric,
        "brackets": bracket_groups(study.plan),
        "table": table,
        "changed": {row.id: changed_settings(study, row) for row, _ in table.rows},
        "limits": limits,
        "pages": -(-table.passed // PAGE),
    }
