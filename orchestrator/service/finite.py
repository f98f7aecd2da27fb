"""Spaces with few configurations: a search trains each of them once, for the same seed would only repeat it."""

from __future__ import annotations

from itertools import islice

from orchestrator.events import Plan
from orchestrator.search import GRID, MOST_TRIALS, PBT
from orchestrator.service.views import StudyRequest
from reid_core.config import Values
from search_spaces.encoding import Encoder
from search_spaces.model import Space
from search_spaces.sampling import configurations

__all__ = ["finite_notes", "most_trials"]


def most_trials(space: Space, base: Values, trials: int) -> int:
    """`trials`, or all the configurations of the space where there are fewer; at least 1."""
    if not space.parameters:
        return trials
    every = configurations(Encoder(space, base))
    return trials if every is None else max(1, sum(1 for _ in islice(every, min(trials, MOST_TRIALS + 1))))


def finite_notes(request: StudyRequest, space: Space, base: Values, algorithm: str, plan: Plan) -> tuple[str, ...]:
    """A line when the space has fewer configurations than there were to be trials; a grid has its own list."""
    if algorithm == GRID:
        return ()
    by_epochs = request.trials is None and (request.epochs or space.budget.epochs) is not None
    wanted = max(plan.trials + by_epochs, request.trials or space.budget.trials)
    count = most_trials(space, base, wanted)
    if count == wanted or count > plan.trials:
        return ()
    only = f"this space has only {count} configuration{'s' * (count != 1)}"
    if algorithm == PBT:
        return (f"{only}: some of the {plan.trials} members begin alike",)
    return (f"{only}: each is trained once, which makes {plan.trials} trial{'s' * (plan.trials != 1)}",)
