"""Spaces in the words of other libraries: Optuna, and ConfigSpace (for hpbandster). Both are loaded when asked for.

Neither knows lists as values: there, a list is its JSON text, and `from_optuna` / `from_configspace` turn it back.
Neither carries our constraints: judge what they suggest with `sampling.validate_values`.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from reid_core.config import Scalar, Value, Values
from reid_core.errors import UsageError
from search_spaces.conditions import allowed
from search_spaces.encoding import Encoder, default_values
from search_spaces.model import Choice, Float, Int, Parameter, Space

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

__all__ = ["from_configspace", "from_optuna", "in_optuna", "to_configspace", "to_optuna"]


def to_optuna(space: Space) -> dict[str, BaseDistribution]:
    """Convert each parameter to an Optuna distribution, in the order of the space.

    Optuna's spaces have no conditions: `from_optuna` leaves inactive parameters out.
    A whole number with both a step and a logarithmic scale, which Optuna lacks, becomes a choice of its values.
    """
    from optuna.distributions import (  # noqa: PLC0415 - Optuna loads slowly, and only who asks needs it
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    distributions: dict[str, BaseDistribution] = {}
    for name, parameter in space.parameters.items():
        match parameter:
            case Float(low=low, step=float(step)):
                top = parameter.at_level((parameter.levels or 1) - 1)
                distributions[name] = FloatDistribution(low, top, step=step)
            case Float(low=low, high=high, log=log):
                distributions[name] = FloatDistribution(low, high, log=log)
            case Int(low=low, step=step, log=log) if not (log and step > 1):
                top = low + (parameter.levels - 1) * step
                distributions[name] = IntDistribution(low, top, log=log, step=step)
            case _:
                distributions[name] = CategoricalDistribution([_flat(value) for value in _listed(parameter)])
    return distributions


def from_optuna(space: Space, base: Mapping[str, Value], params: Mapping[str, Scalar]) -> Values:
    """Convert what Optuna suggested to the values of the active parameters."""
    whole = {name: _unflat(space.parameters[name], params[name]) for name in space.parameters if name in params}
    return Encoder(space, base).only_active(whole)


def in_optuna(space: Space, values: Mapping[str, Value]) -> dict[str, Scalar]:
    """Convert values of parameters to what Optuna calls them; the inverse of `from_optuna`."""
    return {name: _flat(values[name]) for name in space.parameters if name in values}


def to_configspace(space: Space, base: Mapping[str, Value], seed: int | None = None) -> Any:  # pragma: no cover - extra
    """Convert to a ConfigSpace.ConfigurationSpace, with defaults from `base`; conditions become its conditions.

    Conditions on keys that do not vary are judged here: load_space leaves out parameters that can never be active.
    Raises UsageError when ConfigSpace is not installed.
    """
    library = _configspace()
    result = library.ConfigurationSpace(name=space.name, seed=seed)
    defaults = default_values(space.parameters, base)
    made = {
        name: _hyperparameter(library, name, parameter, defaults.get(name))
        for name, parameter in space.parameters.items()
    }
    result.add(list(made.values()))
    for name, parameter in space.parameters.items():
        conditions = [
            library.InCondition(made[name], made[key], [_flat(value) for value in allowed(wanted)])
            for key, wanted in parameter.when.items()
            if key in made
        ]
        if conditions:
            result.add(conditions[0] if len(conditions) == 1 else library.AndConjunction(*conditions))
    return result


def from_configspace(space: Space, configuration: Mapping[str, Scalar | np.generic]) -> Values:
    """Convert a ConfigSpace configuration to the values of its active parameters."""
    plain = {  # ConfigSpace gives numpy's scalars
        name: value.item() if isinstance(value, np.generic) else value for name, value in configuration.items()
    }
    return {name: _unflat(parameter, plain[name]) for name, parameter in space.parameters.items() if name in plain}


def _hyperparameter(library: Any, name: str, parameter: Parameter, default: Value) -> Any:  # pragma: no cover - extra
    given = {} if default is None else {"default_value": _flat(default)}
    match parameter:
        case Float(step=None, low=low, high=high, log=log):
            return library.UniformFloatHyperparameter(name, lower=low, upper=high, log=log, **given)
        case Int(low=low, high=high, step=1, log=log):
            return library.UniformIntegerHyperparameter(name, lower=low, upper=high, log=log, **given)
        case Float() | Int() | Choice(ordered=True):
            values = [_flat(value) for value in _listed(parameter)]
            return library.OrdinalHyperparameter(name, sequence=values, **given)
        case _:
            values = [_flat(value) for value in _listed(parameter)]
            return library.CategoricalHyperparameter(name, choices=values, **given)


def _configspace() -> Any:
    try:
        return importlib.import_module("ConfigSpace")
    except ImportError as error:
        message = "ConfigSpace is not installed"
        raise UsageError(message, hint="pip install 'reid-tune[hpbandster]'") from error


def _listed(parameter: Parameter) -> list[Value]:
    match parameter:
        case Choice(values=values):
            return list(values)
        case Int(low=low, step=step):
            return [low + level * step for level in range(parameter.levels)]
        case Float(levels=int(levels)):
            return [parameter.at_level(level) for level in range(levels)]
        case _:
            raise TypeError(f"{type(parameter).__name__} has no list of values")


def _flat(value: Value) -> Scalar:
    return json.dumps(value) if isinstance(value, list) else value


def _unflat(parameter: Parameter, given: Scalar) -> Value:
    if isinstance(parameter, Choice):
        for value in parameter.values:
            flat = _flat(value)
            if type(flat) is type(given) and flat == given:
                return list(value) if isinstance(value, list) else value
    if isinstance(parameter, Float) and isinstance(given, int | float):
        level = None if parameter.step is None else parameter.level_of(given)
        return given if level is None else parameter.at_level(level)  # theirs is 0.1 + 2 x 0.1, not 0.3
    return given
