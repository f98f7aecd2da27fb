"""A space made to fit one run: another number of epochs, keys set from outside, parameters that cannot vary."""

from __future__ import annotations

import math
from collections.abc import Mapping

from reid_core.config import Value, Values, scale_to
from search_spaces.conditions import holds
from search_spaces.equality import index_of
from search_spaces.model import Budget, Choice, Float, Int, Parameter

__all__ = ["drop_dead", "scale_budget", "scale_parameters"]

_MAX_EPOCH = "SOLVER.MAX_EPOCH"


def scale_budget(budget: Budget, max_epochs: int | None, min_epochs: int | None) -> Budget:
    """Give a budget another length. A shorter run shortens the lowest rung in proportion, so that rungs remain.

    Raises pydantic.ValidationError as Budget does.
    """
    longest = budget.max_epochs if max_epochs is None else max_epochs
    lowest = budget.min_epochs
    if min_epochs is not None:
        lowest = min_epochs
    elif longest < budget.max_epochs:
        lowest = max(1, budget.min_epochs * longest // budget.max_epochs)
    given = budget.model_dump(exclude_unset=True)  # whether a space names its trials decides who plans them
    return Budget.model_validate({**given, "max_epochs": longest, "min_epochs": lowest})


def scale_parameters(
    parameters: Mapping[str, Parameter], old: int, new: int
) -> tuple[dict[str, Parameter], Values, list[str]]:
    """Scale what counts in epochs or iterations, as the recipe's own schedule scales.

    Returns the parameters that still vary, the values of those that do not, and a note for each change.
    """
    if old == new:
        return dict(parameters), {}, []
    kept: dict[str, Parameter] = {}
    fixed: Values = {}
    notes: list[str] = []
    scaled_keys = set(scale_to({}, new)) - {_MAX_EPOCH}
    for key, parameter in parameters.items():
        if key not in scaled_keys:
            kept[key] = parameter
            continue
        scaled = _scaled(key, parameter, old, new)
        if isinstance(scaled, Float | Int | Choice):
            kept[key] = scaled
            notes.append(f"{key} is scaled from {old} to {new} epochs: {_span(scaled)}")
        else:
            fixed[key] = scaled
            notes.append(f"{key} does not vary in {new} epochs: it is {scaled!r}")
    return kept, fixed, notes


def drop_dead(parameters: Mapping[str, Parameter], base: Mapping[str, Value]) -> tuple[dict[str, Parameter], list[str]]:
    """Leave out parameters whose condition can never hold, because it asks for another value of a constant key."""
    kept = dict(parameters)
    gone: set[str] = set()
    notes: list[str] = []
    while True:
        dead = next((key for key, parameter in kept.items() if _never(parameter, kept, gone, base)), None)
        if dead is None:
            return kept, notes
        del kept[dead]
        gone.add(dead)
        notes.append(f"{dead} does not vary: its condition never holds")


def _never(parameter: Parameter, kept: Mapping[str, Parameter], gone: set[str], base: Mapping[str, Value]) -> bool:
    constant = {key: wanted for key, wanted in parameter.when.items() if key not in kept}
    return not gone.isdisjoint(constant) or not holds(constant, base)


def _scaled(key: str, parameter: Parameter, old: int, new: int) -> Parameter | Value:
    """Scale a parameter; a plain value where the shorter run leaves no room to vary."""

    def scale(value: Value) -> Value:
        return scale_to({_MAX_EPOCH: old, key: value}, new)[key]

    if isinstance(parameter, Choice):
        values = [scale(value) for value in parameter.values]
        different = [value for i, value in enumerate(values) if index_of(value, values[:i]) is None]
        if len(different) < 2:
            return different[0]
        prior = None if parameter.prior is None else scale(parameter.prior)
        return parameter.model_copy(update={"values": tuple(different), "prior": prior})

    def rounded(value: Value) -> float:
        number = value if isinstance(value, int | float) else math.nan
        if isinstance(parameter, Int):  # on a key that takes real numbers, too
            return max(math.floor(number + 0.5), 1 if parameter.log else 0)
        return number

    numbers = [rounded(scale(end)) for end in (parameter.low, parameter.high, parameter.prior) if end is not None]
    low, high, *middle = numbers
    if low >= high:
        return low
    update: dict[str, Value] = {"low": low, "high": high, "prior": middle[0] if middle else None}
    if parameter.grid:
        update["grid"] = list(dict.fromkeys(rounded(scale(value)) for value in parameter.grid))
    return type(parameter).model_validate({**parameter.model_dump(), **update, **_single_steps(parameter)})


def _single_steps(parameter: Float | Int) -> dict[str, Value]:
    return {"step": 1 if isinstance(parameter, Int) else None}


def _span(parameter: Parameter) -> str:
    if isinstance(parameter, Choice):
        return ", ".join(str(value) for value in parameter.values)
    return f"{parameter.low:g} to {parameter.high:g}"
