"""Configurations as points of the unit cube, for models: (D,) vectors, NaN where a parameter is inactive."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from reid_core.config import Value, Values
from reid_core.errors import Finding, SpaceError
from search_spaces.codec import Codec, codec_of
from search_spaces.conditions import When, allowed, holds, parents_first
from search_spaces.constraints import Constraint, parse_constraint
from search_spaces.equality import index_of
from search_spaces.expression import ExpressionError
from search_spaces.model import Parameter, Space
from search_spaces.outcomes import shortfall
from search_spaces.tied import Tied, derive

__all__ = ["Encoder", "Vector", "complete", "default_values"]

Vector = NDArray[np.float64]


def complete(base: Mapping[str, Value], values: Mapping[str, Value], tied: Mapping[str, Tied]) -> Values:
    """Build the whole configuration of a trial: the base, the values of its active parameters, and what is tied.

    Raises SpaceError[tied-no-value] where a tied key has no value.
    """
    whole = {**base, **values}
    return {**whole, **derive(whole, tied)} if tied else whole


def default_values(parameters: Mapping[str, Parameter], base: Mapping[str, Value]) -> Values:
    """List every parameter's own prior, else its value in the base; a parameter with neither is left out."""
    defaults: Values = {}
    for name, parameter in parameters.items():
        if parameter.prior is not None:
            defaults[name] = parameter.prior
        elif name in base:
            defaults[name] = base[name]
    return defaults


class Encoder:
    """A space as a unit cube of D coordinates, one a parameter, in the order of the space.

    `kind[i]` is 'c' for a coordinate in [0, 1] (numbers and ordered choices, on their scale) and 'u' for an
    unordered choice, whose coordinate is the index of its category, one of `categories[i]` (0 for 'c').
    `base` is the configuration that trials start from: conditions and constraints read its keys.
    Raises SpaceError when a constraint cannot be parsed.
    """

    def __init__(self, space: Space, base: Mapping[str, Value] | None = None) -> None:
        self.space = space
        self.base: Values = dict(space.fixed if base is None else base)
        self.names: tuple[str, ...] = tuple(space.parameters)
        self.dims = len(self.names)
        self.codecs = tuple(codec_of(name, space.parameters[name]) for name in self.names)
        self.kind = np.array(["u" if codec.categories else "c" for codec in self.codecs], dtype="<U1")
        self.categories = np.array([codec.categories for codec in self.codecs], dtype=np.int64)
        self.constraints: tuple[Constraint, ...] = tuple(_parsed(text) for text in space.configuration_constraints)
        self._whens = {name: space.parameters[name].when for name in self.names}
        self._order = parents_first(self._whens)
        self._place = {name: index for index, name in enumerate(self.names)}
        outside = {key for when in self._whens.values() for key in when} - set(self.names)
        self._known: Values = {key: self.base[key] for key in sorted(outside) if key in self.base}
        self._conditional = any(self._whens.values())

    def active(self, values: Mapping[str, Value]) -> set[str]:
        """Find the parameters that count in a configuration: their conditions hold, and their parents'."""
        if not self._conditional:
            return set(self.names)
        return set(self._chosen(lambda name: values.get(name, self.base.get(name))))

    def only_active(self, values: Mapping[str, Value]) -> Values:
        """Leave out inactive parameters, and keys that are no parameters; in the order of the space."""
        active = self.active(values)
        return {name: values[name] for name in self.names if name in active and name in values}

    def fitting(self, values: Mapping[str, Value]) -> Values | None:
        """The active ones of `values` where they make a whole, valid configuration; else None."""
        found = self.only_active(values)
        if set(found) != self.active(values) or self.broken(found) is not None:
            return None
        try:
            self.encode(found)
        except SpaceError:  # outside of what the parameter may be in this space
            return None
        return found

    def encode(self, values: Mapping[str, Value]) -> Vector:
        """Encode a configuration as (D,); NaN for inactive and for missing parameters.

        Raises SpaceError for a value that its parameter does not have.
        """
        vector = np.full(self.dims, np.nan)
        for name, value in self.only_active(values).items():
            place = self._place[name]
            vector[place] = self.codecs[place].encode(value)
        return vector

    def encode_many(self, configurations: Iterable[Mapping[str, Value]]) -> Vector:
        """Encode N configurations as (N, D)."""
        rows = [self.encode(values) for values in configurations]
        return np.stack(rows) if rows else np.empty((0, self.dims))

    def decode(self, vector: Vector) -> Values:
        """Decode (D,) to the values of the active parameters; exact for every level, clipped to the bounds.

        Coordinates of inactive parameters do not count. Raises ValueError for NaN in an active one.
        """
        values = self._chosen(lambda name: self._decoded(name, vector))
        return {name: values[name] for name in self.names if name in values}

    def settled(self, points: Vector) -> Vector:
        """Turn points (M, D) into those of the values that they decode to, NaN where a parameter is inactive.

        Equal to encoding every decoded point, but a column at a time. Raises ValueError for NaN in an active one.
        """
        settled = np.full(points.shape, np.nan)
        known: dict[str, list[Value | _Absent]] = {key: [value] * len(points) for key, value in self._known.items()}
        for name in self._order:
            place = self._place[name]
            active = _rows_where(self._whens[name], known, len(points))
            column = points[active, place]
            if np.isnan(column).any():
                raise ValueError(f"{name} is active, but its coordinate is NaN")
            values = _decoded(self.codecs[place], column.tolist())
            settled[active, place] = _encoded(self.codecs[place], values)
            if any(name in when for when in self._whens.values()):
                known[name] = [_ABSENT] * len(points)
                for row, value in zip(active, values, strict=True):
                    known[name][row] = value
        return settled

    def from_unit(self, unit: Vector) -> Vector:
        """Turn (D,) from the unit cube into coordinates: uniform numbers become uniform values and categories."""
        categories = np.minimum(np.floor(unit * self.categories), np.maximum(self.categories - 1, 0))
        return np.where(self.categories > 0, categories, unit)

    def broken(self, values: Mapping[str, Value]) -> Constraint | None:
        """Find the first constraint that a configuration breaks; None when it satisfies all."""
        whole = self.complete(values) if self.constraints else {}
        return next((constraint for constraint in self.constraints if constraint.refusal(whole)), None)

    def refusal(self, values: Mapping[str, Value]) -> str:
        """Say which constraint a configuration breaks; empty when it satisfies all."""
        constraint = self.broken(values)
        return "" if constraint is None else constraint.refusal(self.complete(values))

    def shortfall(self, values: Mapping[str, Value]) -> float:
        """Say how far a configuration is from satisfying its constraints: 0 when it does; see `outcomes.shortfall`."""
        whole = self.complete(values) if self.constraints else {}
        return sum([shortfall(constraint, whole) for constraint in self.constraints])

    def complete(self, values: Mapping[str, Value]) -> Values:
        """Build the whole configuration of a trial's values; see `complete`."""
        return complete(self.base, values, self.space.tied)

    def derived(self, values: Mapping[str, Value]) -> Values:
        """What the tied keys are in a configuration, in their order."""
        return derive({**self.base, **values}, self.space.tied)

    def first(self) -> Values:
        """Give the first configuration: the default of every active parameter that has one."""
        return self.only_active(default_values(self.space.parameters, self.base))

    def _decoded(self, name: str, vector: Vector) -> Value:
        x = float(vector[self._place[name]])
        if x != x:  # noqa: PLR0124 - only NaN differs from itself
            raise ValueError(f"{name} is active, but its coordinate is NaN")
        return self.codecs[self._place[name]].decode(x)

    def _chosen(self, value_of: Callable[[str], Value]) -> Values:
        """Values of the active parameters, parents first; a condition never holds on an inactive parent."""
        chosen: Values = {}
        known = dict(self._known)
        for name in self._order:
            if holds(self._whens[name], known):
                chosen[name] = known[name] = value_of(name)
        return chosen


class _Absent:
    """Stands for the value of an inactive parameter: no condition holds on it."""


_ABSENT = _Absent()


def _rows_where(when: When, known: Mapping[str, Sequence[Value | _Absent]], count: int) -> list[int]:
    """The rows in which every key of `when` has its value."""
    rows = list(range(count))
    for key, wanted in when.items():
        here = known.get(key)
        values = allowed(wanted)
        rows = [] if here is None else [row for row in rows if _fits(here[row], values)]
    return rows


def _fits(value: Value | _Absent, values: list[Value]) -> bool:
    return not isinstance(value, _Absent) and index_of(value, values) is not None


def _decoded(codec: Codec, column: list[float]) -> list[Value]:
    """Values at places; those of unordered choices, which have few, are looked up once each."""
    if not codec.categories:
        return [codec.decode(x) for x in column]
    values = {x: codec.decode(x) for x in set(column)}
    return [values[x] for x in column]


def _encoded(codec: Codec, values: list[Value]) -> list[float]:
    """Places of values; those of few levels are looked up once each."""
    places: dict[tuple[type, Value], float] = {}
    encoded: list[float] = []
    for value in values:
        if isinstance(value, float | list):
            encoded.append(codec.encode(value))
            continue
        key = (type(value), value)
        if key not in places:
            places[key] = codec.encode(value)
        encoded.append(places[key])
    return encoded


def _parsed(text: str) -> Constraint:
    try:
        return parse_constraint(text)
    except ExpressionError as error:
        raise SpaceError(Finding("bad-constraint", f"`{text}`: {error.message}")) from error
