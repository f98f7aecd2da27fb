"""Configurations drawn from a space, near a configuration, or on a grid; and the check of a given one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from math import prod

import numpy as np

from reid_core.config import Value, Values
from reid_core.errors import Finding, SpaceError
from search_spaces.encoding import Encoder, Vector
from search_spaces.model import Float, Space

__all__ = [
    "configurations",
    "draw",
    "draw_near",
    "findings",
    "grid",
    "product_of",
    "sample",
    "sample_near",
    "validate_values",
]

_ATTEMPTS = 10_000
_MOST_LISTED = 10_000


def sample(space: Space, base: Mapping[str, Value], rng: np.random.Generator) -> Values:
    """Draw a configuration, uniform on the scales of the space, that satisfies its constraints.

    The same generator state gives the same configuration on any machine.
    Raises SpaceError[unsatisfiable] when none of 10,000 draws satisfies them. For many draws, use `draw`.
    """
    return draw(Encoder(space, base), rng)


def sample_near(
    space: Space, base: Mapping[str, Value], centre: Mapping[str, Value], rng: np.random.Generator, width: float
) -> Values:
    """Draw a configuration near `centre`; see `draw_near`."""
    return draw_near(Encoder(space, base), centre, rng, width)


def validate_values(space: Space, base: Mapping[str, Value], values: Mapping[str, Value]) -> list[Finding]:
    """Say what is wrong with the values of a trial; see `findings`."""
    return findings(Encoder(space, base), values)


def draw(encoder: Encoder, rng: np.random.Generator) -> Values:
    """Draw a configuration as `sample` does."""
    return _until_satisfied(encoder, lambda: encoder.decode(encoder.from_unit(rng.random(encoder.dims))))


def draw_near(encoder: Encoder, centre: Mapping[str, Value], rng: np.random.Generator, width: float) -> Values:
    """Draw a configuration near `centre`, which satisfies the constraints.

    A coordinate in [0, 1] moves by a normal step of standard deviation `width`, reflected at the ends; an unordered
    choice changes with probability `width` to any of its values. A parameter that `centre` lacks is uniform.
    Raises SpaceError as `sample` does.
    """
    middle = encoder.encode(centre)
    return _until_satisfied(encoder, lambda: encoder.decode(_neighbour(encoder, middle, rng, width)))


def findings(encoder: Encoder, values: Mapping[str, Value]) -> list[Finding]:
    """Say what is wrong with the values of a trial: keys, types, ranges, missing or inactive ones, constraints."""
    found = [
        Finding("unknown-key", f"{key} is not a parameter of the space {encoder.space.name}", key=key)
        for key in values
        if key not in encoder.names
    ]
    active = encoder.active(values)
    for name, codec in zip(encoder.names, encoder.codecs, strict=True):
        if name in values and name not in active:
            found.append(Finding("inactive", f"{name} has a value, but its condition does not hold", key=name))
        elif name in values:
            try:
                codec.encode(values[name])
            except SpaceError as error:
                found.extend(error.findings)
        elif name in active:
            found.append(Finding("missing", f"{name} has no value", key=name))
    broken = "" if found else encoder.refusal(values)
    return [*found, Finding("constraint", broken)] if broken else found


def grid(encoder: Encoder, levels: int = 3) -> Iterator[Values]:
    """Go through every combination of every parameter's values, the last parameter fastest.

    Real numbers take `levels` values, as do whole numbers with more. Combinations that differ only in inactive
    parameters come once; those that break a constraint do not come.
    """
    yield from product_of(encoder, [codec.levels(levels) for codec in encoder.codecs])


def configurations(encoder: Encoder) -> Iterator[Values] | None:
    """Go through every configuration that a space has; None where that is endless, or over 10,000 combinations."""
    if any(isinstance(one, Float) and one.step is None for one in encoder.space.parameters.values()):
        return None
    lists = [codec.levels(_MOST_LISTED + 1) for codec in encoder.codecs]
    return product_of(encoder, lists) if prod(map(len, lists)) <= _MOST_LISTED else None


def product_of(encoder: Encoder, lists: Sequence[Sequence[Value]]) -> Iterator[Values]:
    """Go through the combinations of one list of values a parameter, as `grid` does."""
    seen: set[str] = set()
    for combination in product(*lists):
        values = encoder.only_active(dict(zip(encoder.names, combination, strict=True)))
        mark = json.dumps(values)
        if mark not in seen and not encoder.refusal(values):
            seen.add(mark)
            yield values


def _until_satisfied(encoder: Encoder, attempt: Callable[[], Values]) -> Values:
    refusals: dict[str, int] = {}
    for _ in range(_ATTEMPTS):
        values = attempt()
        refusal = encoder.broken(values)
        if refusal is None:
            return values
        refusals[refusal.text] = refusals.get(refusal.text, 0) + 1
    worst = max(refusals, key=lambda text: refusals[text])
    raise SpaceError(
        Finding(
            "unsatisfiable",
            f"none of {_ATTEMPTS:,} configurations drawn satisfies the constraints of {encoder.space.name}",
            hint=f"most break `{worst}`: relax it or the bounds",
        )
    )


def _neighbour(encoder: Encoder, middle: Vector, rng: np.random.Generator, width: float) -> Vector:
    fresh = encoder.from_unit(rng.random(encoder.dims))
    steps = rng.normal(0.0, width, encoder.dims)
    jumps = rng.random(encoder.dims) < width
    # Reflection: 1.1 is 0.9, -0.1 is 0.1, and so on for longer steps.
    moved = 1.0 - np.abs(1.0 - np.mod(middle + steps, 2.0))
    near = np.where(encoder.kind == "c", moved, np.where(jumps, fresh, middle))
    return np.where(np.isnan(middle), fresh, near)
