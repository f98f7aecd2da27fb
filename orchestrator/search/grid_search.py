"""`grid`: every configuration of a finite list, trained in full, each with as many seeds as the space says.

The list is the space's rows in their order, or the combinations of its parameters' values, the last parameter
fastest. One seed goes through the whole list before the next begins: what is there of an unfinished study can be
compared. Trial n is the (n mod P)-th of the P configurations with the seed of the study plus n div P, so that a
configuration's repetitions differ, and different configurations share their seeds: their differences are paired.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.events import Origin, StudyCreated, StudyState
from orchestrator.search.moves import Move, NewTrial
from reid_core.config import Value, Values
from reid_core.errors import Finding, SpaceError
from search_spaces.encoding import Encoder
from search_spaces.model import Choice, Space
from search_spaces.rows import row_values
from search_spaces.sampling import product_of

__all__ = ["GRID", "GridPoint", "GridSearch", "grid_points"]

GRID = "grid"
"""The algorithm's name: the only one that repeats over seeds, takes rows, and may measure the test split."""

_MOST = 10_000


@dataclass(frozen=True, slots=True)
class GridPoint:
    """One configuration of the grid; `row` is empty in a space with parameters."""

    values: Values
    row: str = ""


def grid_points(space: Space, base: Values) -> tuple[GridPoint, ...]:
    """The configurations in their order.

    Raises SpaceError naming each parameter without a finite list of values, and when there are none or too many.
    """
    if space.rows:
        return tuple(GridPoint(values, name) for name, values in row_values(space.rows, base).items())
    lists = _lists(space)
    count = 1
    for values in lists:
        count *= len(values)
    if count > _MOST:
        message = f"the grid of {space.name} has {count:,} combinations, more than {_MOST:,}"
        raise SpaceError(Finding("grid-too-large", message, key="parameters", hint="shorten the lists of values"))
    points = tuple(GridPoint(values) for values in product_of(Encoder(space, base), lists))
    if not points:
        message = f"no combination of the grid of {space.name} satisfies its constraints"
        raise SpaceError(Finding("unsatisfiable", message, key="constraints", hint="relax them, or add values"))
    return points


def _lists(space: Space) -> list[tuple[Value, ...]]:
    found = [
        Finding(
            "no-finite-list",
            f"{name} has no finite list of values for the grid",
            key=name,
            hint="give it `grid: [...]`, make it a choice, or set it with --set",
        )
        for name, parameter in space.parameters.items()
        if not isinstance(parameter, Choice) and not parameter.grid
    ]
    if found:
        raise SpaceError(found)
    return [
        parameter.values if isinstance(parameter, Choice) else parameter.grid for parameter in space.parameters.values()
    ]


class GridSearch:
    """Goes through the grid, once for each seed."""

    def __init__(self, created: StudyCreated) -> None:
        self._points = grid_points(created.space, created.base)
        self._seeds = created.space.search.seeds
        self._first = created.seed
        self._epochs = created.plan.max_epochs

    def next(self, state: StudyState) -> Move | None:
        """The next configuration, or None when all have their trial. Nothing is promoted: each trains in full."""
        repetition, place = divmod(len(state.trials), len(self._points))
        if repetition >= self._seeds:
            return None
        point, seed = self._points[place], self._first + repetition
        what = point.row or f"combination {place + 1} of {len(self._points)}"
        reason = f"{what}, seed {seed}"
        return NewTrial(point.values, Origin.GRID, reason, 0, self._epochs, row=point.row, seed=seed)
