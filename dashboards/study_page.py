"""What the study and trial templates show, worked out of the views."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from orchestrator.events import Bracket, Plan
from orchestrator.service.views import StudyDetail, TrialDetail, TrialRow

__all__ = [
    "BracketGroup",
    "Setting",
    "bracket_groups",
    "changed_settings",
    "shown_trials",
    "study_context",
    "trial_context",
]

_MOST_ROWS = 100


@dataclass(frozen=True, slots=True)
class Setting:
    """A parameter of a trial that differs from the default configuration."""

    key: str
    value: object


def better(study: StudyDetail, score: float) -> float:
    """A sort key: smaller is better."""
    return -score if study.objective[0].goal == "maximize" else score


def shown_trials(study: StudyDetail) -> list[TrialRow]:
    """The best trials first, then those without a score; at most a page of them."""
    rows = sorted(
        study.trials,
        key=lambda row: (row.score is None, better(study, row.score) if row.score is not None else 0.0, row.id),
    )
    return rows[:_MOST_ROWS]


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


def study_context(study: StudyDetail) -> dict[str, object]:
    """The context of study.html."""
    rows = shown_trials(study)
    return {
        "study": study,
        "objective": study.objective[0].metric,
        "brackets": bracket_groups(study.plan),
        "rows": [(row, changed_settings(study, row)) for row in rows],
        "hidden": len(study.trials) - len(rows),
    }


def trial_context(study: StudyDetail, trial: TrialDetail) -> dict[str, object]:
    """The context of trial.html: the study too, for the rungs and the way back."""
    ids = sorted(row.id for row in study.trials)
    place = ids.index(trial.id) if trial.id in ids else -1
    return {
        "study": study,
        "trial": trial,
        "objective": study.objective[0].metric,
        "headline": list(dict.fromkeys((study.objective[0].metric, *study.measures.shown, "loss"))),
        "searched": frozenset({*study.space_model.parameters, *study.space_model.tied}),
        "before": ids[place - 1] if place > 0 else None,
        "after": ids[place + 1] if 0 <= place < len(ids) - 1 else None,
    }
