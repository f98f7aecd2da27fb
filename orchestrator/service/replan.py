"""More of a study than it was created with: the plan from now on, and the limits. Nothing that was done changes."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.events import Limits, Plan, StudyCreated, StudyState
from orchestrator.search import GRID, MOST_TRIALS, PBT, SCHEDULES, lay_out, lay_out_epochs, schedule_of
from orchestrator.search.limits import limit_met
from orchestrator.service.finite import most_trials
from reid_core.errors import Conflict, UsageError

__all__ = ["Extension", "extension", "refuse_longer"]

_TOGETHER = frozenset({SCHEDULES["asha"].lay_out, SCHEDULES["median"].lay_out, SCHEDULES["full"].lay_out})
"""Layouts of one bracket whose rules count results as they come: there new trials compete with the old ones."""


@dataclass(frozen=True, slots=True)
class Extension:
    """What an extended study is to do from now on; `told` says it for people."""

    plan: Plan
    limits: Limits
    told: str


def refuse_longer(max_epochs: int | None, created: StudyCreated) -> None:
    """Raise UsageError for another length of a full run: what was trained would not be comparable any more."""
    if max_epochs is None or max_epochs == created.plan.max_epochs:
        return
    raise UsageError(
        f"trials of study {created.name} train {created.plan.max_epochs} epochs, and their schedules depend on it: "
        f"what was trained for {created.plan.max_epochs} cannot go on to {max_epochs}",
        hint=f"start a new study with --max-epochs {max_epochs} --warm-start {created.name}",
    )


def extension(state: StudyState, created: StudyCreated, trials: int | None, epochs: int | None) -> Extension:
    """The plan with `trials` more, or with as many more as `epochs` pay for, behind what was planned before.

    A limit of epochs grows by `epochs`; both together limit the study to them. Raises UsageError where nothing can be
    added, Conflict where another limit would end the study at once.
    """
    _check_grows(state, created)
    plan = created.plan
    if trials is not None:
        plan = _with_trials(created, trials)
    elif epochs is not None:
        plan = _with_epochs(created, epochs)
    limits = _limits(state, created, trials, epochs)
    _check_limits(state, created, limits, plan)
    told = f"{plan.trials} trials and {plan.epochs} epochs, {plan.trials - created.plan.trials} more trials than before"
    return Extension(plan, limits, told)


def _check_grows(state: StudyState, created: StudyCreated) -> None:
    name = created.name
    if created.algorithm == GRID:
        message = f"study {name} is a grid: its list of configurations is complete"
        raise UsageError(message, hint="start another with --seeds, or with more values in its space")
    if created.algorithm == PBT:
        message = f"study {name} is a population, whose members climb together from the first rung on"
        raise UsageError(message, hint=f"start a new one with --warm-start {name}")
    if any(trial.confirms is not None for trial in state.trials.values()):
        message = f"study {name} has begun to confirm its finalists: its search is over"
        raise UsageError(message, hint=f"start a new one with --warm-start {name}")


def _with_trials(created: StudyCreated, more: int) -> Plan:
    old = created.plan
    if old.trials + more > MOST_TRIALS:
        message = f"study {created.name} has {old.trials} trials: {more} more are more than a study holds"
        raise UsageError(message, hint=f"{MOST_TRIALS} is the most")
    total = most_trials(created.space, created.base, old.trials + more)
    if total <= old.trials:
        message = f"the space of study {created.name} has only {total} configurations, and all are planned"
        raise UsageError(message, hint="start a new study with more values in its space")
    schedule = schedule_of(created.algorithm, created.schedule)
    places = old.brackets[1:]
    together = schedule is not None and schedule.lay_out in _TOGETHER and all(one == old.place for one in places)
    count = total - len(places) if together else total - old.trials
    made = lay_out(created.algorithm, created.schedule, **_lengths(old), trials=count)
    return made.model_copy(update={"brackets": (*made.brackets, *places)}) if together else _behind(old, made)


def _with_epochs(created: StudyCreated, epochs: int) -> Plan:
    old = created.plan
    if epochs < old.max_epochs:
        message = f"{epochs} epochs do not pay for one full run of {old.max_epochs}"
        raise UsageError(message, hint=f"give at least {old.max_epochs}, or raise the limit with `studies limits`")
    made = lay_out_epochs(created.algorithm, created.schedule, **_lengths(old), epochs=epochs)
    return _with_trials(created, made.trials)


def _lengths(plan: Plan) -> dict[str, int]:
    """What an extended plan keeps: the length of a full run, the lowest rung, and how strictly a rung selects."""
    return {"max_epochs": plan.max_epochs, "min_epochs": plan.min_epochs, "eta": plan.eta}


def _behind(old: Plan, more: Plan) -> Plan:
    return old.model_copy(update={"brackets": (*old.brackets, *more.brackets)})


def _limits(state: StudyState, created: StudyCreated, trials: int | None, epochs: int | None) -> Limits:
    limits = created.limits
    if epochs is None or (limits.epochs is None and trials is None):
        return limits
    over = state.ended_at is not None
    before = limits.epochs or (state.epochs_spent if over else max(state.epochs_spent, created.plan.epochs))
    return limits.model_copy(update={"epochs": before + epochs})


def _check_limits(state: StudyState, created: StudyCreated, limits: Limits, plan: Plan) -> None:
    met = limit_met(state, limits)
    if met:
        raise Conflict(
            f"study {created.name} would end at once: {met}",
            hint=f"change it first: `reid-tune studies limits {created.name} --clear KIND`, or give --epochs too",
        )
    missing = 0 if limits.epochs is None else state.epochs_spent + plan.max_epochs - limits.epochs
    if missing > 0 and plan.trials > created.plan.trials:
        raise Conflict(
            f"the limit of {limits.epochs} epochs leaves {limits.epochs or 0:d} - {state.epochs_spent} epochs, "
            f"less than one full run of {plan.max_epochs}",
            hint=f"give --epochs too, at least {missing}",
        )
