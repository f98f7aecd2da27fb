"""What commands make of a study that exists: another plan, other limits, a configuration that waits for its trial."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.events.given import Asked
from orchestrator.events.log import StudyCreated
from reid_core.config import Values

__all__ = ["Wanted", "extended", "limited", "room_for_one_more"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A configuration that a person enqueued: complete values, where they come from, who asked."""

    values: Values
    reason: str
    by: str


def limited(created: StudyCreated, asked: Asked) -> StudyCreated:
    """The study with the limits that are asked for; unchanged without any."""
    return created if asked.limits is None else created.model_copy(update={"limits": asked.limits})


def extended(created: StudyCreated, asked: Asked) -> StudyCreated:
    """The study with the plan and the limits that are asked for.

    A plan with fewer trials, or with other rungs, is left aside: it was made before somebody else extended the study.
    """
    made, plan = limited(created, asked), asked.plan
    if plan is None or plan.trials < created.plan.trials or plan.rungs != created.plan.rungs:
        return made
    return made.model_copy(update={"plan": plan})


def room_for_one_more(created: StudyCreated) -> StudyCreated:
    """The study with a place behind its plan: one trial that nobody competes with, from the lowest rung to the top."""
    plan = created.plan
    return created.model_copy(update={"plan": plan.model_copy(update={"brackets": (*plan.brackets, plan.place)})})
