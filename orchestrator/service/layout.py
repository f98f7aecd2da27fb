"""How a request's trials are laid out: brackets for a search, a finite list times seeds for a grid."""

from __future__ import annotations

from orchestrator.events import Plan
from orchestrator.search import GRID, full_runs, grid_points, make_plan
from orchestrator.service.views import StudyRequest
from reid_core.api import Protocol
from reid_core.config import Values
from reid_core.errors import Finding, InvalidInput
from search_spaces.model import Space

__all__ = ["check_options", "grid_notes", "lay_out", "repeated"]


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
    if found:
        raise InvalidInput(found)


def repeated(space: Space, seeds: int | None) -> Space:
    """The space with another number of seeds; unchanged without one."""
    if seeds is None:
        return space
    return space.model_copy(update={"search": space.search.model_copy(update={"seeds": seeds})})


def lay_out(request: StudyRequest, space: Space, base: Values, algorithm: str) -> Plan:
    """The plan. A grid's number of trials is no choice: InvalidInput when the request wants another.

    Raises SpaceError as make_plan and grid_points do.
    """
    budget = space.budget
    if algorithm != GRID:
        return make_plan(budget.max_epochs, budget.min_epochs, budget.eta, request.trials or budget.trials)
    count, seeds = len(grid_points(space, base)), space.search.seeds
    trials = count * seeds
    if request.trials not in {None, trials}:
        what = "rows" if space.rows else "combinations"
        message = f"the grid has {trials} trials ({count} {what} x {seeds} seeds), not {request.trials}"
        raise InvalidInput(_finding("grid-trials", message, "trials", "leave --trials out"))
    return full_runs(budget.max_epochs, budget.eta, trials)


def grid_notes(request: StudyRequest, algorithm: str) -> tuple[str, ...]:
    """What a grid makes of options that are for searches."""
    if algorithm == GRID and request.min_epochs is not None:
        return ("--min-epochs has no effect: a grid trains every trial in full",)
    return ()


def _finding(code: str, message: str, key: str, hint: str) -> Finding:
    return Finding(code, message, file=f"--{key}", key=key, hint=hint)
