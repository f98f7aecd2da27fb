"""How a request's trials are laid out: brackets for a search, a finite list times seeds for a grid."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.events import Plan
from orchestrator.search import (
    FREEZE_THAW,
    GRID,
    PBT,
    SCHEDULES,
    check_algorithm,
    full_runs,
    grid_points,
    lay_out_epochs,
    schedule_of,
)
from orchestrator.search import lay_out as lay_out_trials
from orchestrator.service.finite import most_trials
from orchestrator.service.given import Given, confirm_epochs
from orchestrator.service.views import StudyRequest
from reid_core.api import Protocol
from reid_core.config import Values, suggest
from reid_core.errors import Finding, InvalidInput, SpaceError
from search_spaces.model import Space

__all__ = ["check_options", "lay_out", "plan_notes", "repeated", "schedule_for"]


def check_options(request: StudyRequest, space: Space, algorithm: str) -> None:
    """Raise InvalidInput for options that do not go with the algorithm or the space."""
    found: list[Finding] = []
    if space.rows and algorithm != GRID:
        message = f"{space.name} has rows, and {algorithm} has nothing to search in them"
        found.append(_finding("rows-need-grid", message, "algorithm", f"use {GRID}"))
    if request.seeds is not None and algorithm != GRID:
        message = f"{algorithm} trains every configuration with one seed"
        hint = f"leave --seeds out, or use --algorithm {GRID}"
        found.append(_finding("seeds-need-grid", message, "seeds", hint))
    if request.protocol is Protocol.TEST and not space.rows:
        message = "a search may not see the test split: whatever it chose there would be too good"
        hint = "measure the winner on it with `reid-tune best --retrain`; only spaces with rows choose nothing"
        found.append(_finding("test-needs-rows", message, "protocol", hint))
    if algorithm == PBT and (space.search.confirm if request.confirm is None else request.confirm):
        message = "a population finds a schedule of values: a configuration with another seed does not repeat it"
        hint = "leave --confirm out; `reid-tune best --retrain` trains the whole schedule"
        found.append(_finding("confirm-with-population", message, "confirm", hint))
    if request.schedule and request.schedule not in SCHEDULES:
        hint = suggest(request.schedule, SCHEDULES) or f"choose from {', '.join(SCHEDULES)}"
        found.append(_finding("unknown-schedule", f"{request.schedule!r} is not a schedule", "schedule", hint))
    if found:
        raise InvalidInput(found)
    schedule = schedule_for(request, space, algorithm)
    try:
        check_algorithm(algorithm, schedule, space)
    except SpaceError as error:
        raise InvalidInput([_of_option(found, request) for found in error.findings]) from error


def _of_option(found: Finding, request: StudyRequest) -> Finding:
    """A fault of algorithm or schedule, at its option where that was given."""
    key = found.key.removeprefix("search.")
    given = request.schedule if key == "schedule" else request.algorithm
    return replace(found, file=f"--{key}" if given else "", key=key)


def schedule_for(request: StudyRequest, space: Space, algorithm: str) -> str:
    """The schedule that is asked for, by the request or else by the space; empty: the algorithm's own.

    A space asks for one with its own algorithm: an --algorithm that takes none leaves it out.
    """
    if request.schedule is not None:
        return request.schedule
    replaced = algorithm != space.search.algorithm and schedule_of(algorithm) is None
    return "" if replaced else space.search.schedule


def repeated(space: Space, seeds: int | None) -> Space:
    """The space with another number of seeds; unchanged without one."""
    if seeds is None:
        return space
    return space.model_copy(update={"search": space.search.model_copy(update={"seeds": seeds})})


def lay_out(
    request: StudyRequest, space: Space, base: Values, algorithm: str, epochs: int | None = None, kept_back: int = 0
) -> Plan:
    """The plan. A grid's number of trials is no choice: InvalidInput when the request wants another.

    A search has no more trials than its space has configurations; a population keeps its members.

    With a limit of `epochs` and no number of trials there are as many as the epochs pay for, without those that are
    `kept_back` for confirming the finalists. Raises SpaceError as make_plan and grid_points do.
    """
    budget = space.budget
    if algorithm != GRID:
        if epochs is not None and _trials_are_open(request, space):
            plan = _for_epochs(space, algorithm, schedule_for(request, space, algorithm), epochs, kept_back)
            trials = plan.trials
        else:
            plan, trials = None, request.trials or budget.trials
        capped = trials if algorithm == PBT else most_trials(space, base, trials)
        if plan is not None and capped == trials:
            return plan
        return lay_out_trials(
            algorithm,
            schedule_for(request, space, algorithm),
            max_epochs=budget.max_epochs,
            min_epochs=budget.min_epochs,
            eta=budget.eta,
            trials=capped,
        )
    count, seeds = len(grid_points(space, base)), space.search.seeds
    trials = count * seeds
    if request.trials not in {None, trials}:
        what = "rows" if space.rows else "combinations"
        message = f"the grid has {trials} trials ({count} {what} x {seeds} seeds), not {request.trials}"
        raise InvalidInput(_finding("grid-trials", message, "trials", "leave --trials out"))
    return full_runs(budget.max_epochs, budget.eta, trials)


def _trials_are_open(request: StudyRequest, space: Space) -> bool:
    """Whether the epochs decide: nobody named a number of trials, at least not as near as the limit was named."""
    return request.trials is None and (request.epochs is not None or "trials" not in space.budget.model_fields_set)


def _for_epochs(space: Space, algorithm: str, schedule: str, epochs: int, kept_back: int) -> Plan:
    budget = space.budget
    if epochs - kept_back < budget.max_epochs:
        without = f" without the {kept_back} that confirming the finalists takes" if kept_back else ""
        message = f"{epochs} epochs do not pay for one full run of {budget.max_epochs}{without}"
        raise InvalidInput(_finding("budget", message, "epochs", f"give at least {budget.max_epochs + kept_back}"))
    return lay_out_epochs(
        algorithm,
        schedule,
        max_epochs=budget.max_epochs,
        min_epochs=budget.min_epochs,
        eta=budget.eta,
        epochs=epochs - kept_back,
    )


def plan_notes(
    request: StudyRequest, algorithm: str, schedule: str, given: Given | None = None, plan: Plan | None = None
) -> tuple[str, ...]:
    """What an algorithm and its schedule make of options that are for others, and of the plan.

    With what is `given` and the plan, also which limits may leave the finalists unconfirmed.
    """
    unconfirmed = () if given is None or plan is None else _unconfirmed(given, plan)
    return (*_schedule_notes(request, algorithm, schedule), *unconfirmed)


def _unconfirmed(given: Given, plan: Plan) -> tuple[str, ...]:
    """A line when a limit may end the search, and with it the study, before its finalists are confirmed."""
    limits = given.limits
    taken = confirm_epochs(given.confirm, plan.max_epochs, plan.trials)
    short = limits.epochs is not None and plan.epochs + taken > limits.epochs
    told = [
        *(["the target"] if limits.target else []),
        *(["the wall time"] if limits.wall_seconds is not None else []),
        *(["the GPU-hours"] if limits.gpu_hours is not None else []),
        *([f"the {limits.epochs} epochs (the plan and its confirmation take {plan.epochs + taken})"] if short else []),
    ]
    if not given.confirm or not told:
        return ()
    return (f"finalists stay unconfirmed, some or all, where {' or '.join(told)} ends the search",)


def _schedule_notes(request: StudyRequest, algorithm: str, schedule: str) -> tuple[str, ...]:
    if algorithm == GRID and request.min_epochs is not None:
        return ("--min-epochs has no effect: a grid trains every trial in full",)
    chosen = None if algorithm == GRID else schedule_of(algorithm, schedule)
    if chosen is SCHEDULES["full"] and request.min_epochs is not None:
        return (f"--min-epochs has no effect: {algorithm} trains every trial in full; --schedule would change that",)
    if algorithm == FREEZE_THAW:
        return ("the brackets set the epochs; freeze-thaw spends them where its model expects the most",)
    if chosen is not None and chosen.at_most:
        return ("the plan is what the search costs at most: trials below the median stop earlier",)
    return ()


def _finding(code: str, message: str, key: str, hint: str) -> Finding:
    return Finding(code, message, file=f"--{key}", key=key, hint=hint)
