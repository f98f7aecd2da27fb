"""Configurations drawn from a space, near a configuration, or on a grid; and the check of a given one."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice, product
from math import prod

import numpy as np

from reid_core.config import Value, Values
from reid_core.errors import Finding, SpaceError
from search_spaces.encoding import Encoder
from search_spaces.model import Float, Space
from search_spaces.walking import find, neighbour, walk

__all__ = [
    "configurations",
    "draw",
    "draw_near",
    "draw_uniform",
    "draw_walking",
    "findings",
    "grid",
    "product_of",
    "sample",
    "sample_near",
    "validate_values",
]

_ATTEMPTS = 10_000
_FEW = 500
_MOST_LISTED = 10_000
_WALKED = 32  # steps after which a walk has left its start behind
_ASKED = 1000


def sample(space: Space, base: Mapping[str, Value], rng: np.random.Generator) -> Values:
    """Draw a configuration, uniform on the scales of the space, that satisfies its constraints.

    The same generator state gives the same configuration on any machine. Where many draws do not satisfy them, it
    is reached by a walk (search_spaces/walking.py).
    Raises SpaceError[unsatisfiable] when that finds none either. For many draws, use `draw`.
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
    values = draw_uniform(encoder, rng)
    return draw_walking(encoder, rng)[0] if values is None else values


def draw_uniform(encoder: Encoder, rng: np.random.Generator) -> Values | None:
    """Draw a configuration uniformly; None when none of many draws satisfies the constraints.

    Many: 10,000, but 500 in a space of which 10,000 other draws find nothing valid either.
    """
    values = _uniform(encoder, rng, _FEW)
    if values is None and not _is_tight(encoder):
        values = _uniform(encoder, rng, _ATTEMPTS - _FEW)
    return values


def draw_walking(
    encoder: Encoder, rng: np.random.Generator, known: Sequence[Mapping[str, Value]] = (), count: int = 1
) -> list[Values]:
    """Reach `count` valid configurations by a walk from one of `known`, or from one that a descent finds.

    Raises SpaceError[unsatisfiable] when neither is there.
    """
    fitting = (encoder.fitting(known[place]) for place in rng.permutation(len(known)))
    start = next((values for values in fitting if values is not None), None)
    if start is None:
        start = find(encoder, rng)
    if start is None:
        raise _unsatisfiable(encoder)
    return list(islice(walk(encoder, start, rng), _WALKED, _WALKED + count))


def draw_near(encoder: Encoder, centre: Mapping[str, Value], rng: np.random.Generator, width: float) -> Values:
    """Draw a configuration near `centre`, which satisfies the constraints.

    A coordinate in [0, 1] moves by a normal step of standard deviation `width`, reflected at the ends; an unordered
    choice changes with probability `width` to any of its values. A parameter that `centre` lacks is uniform.
    Raises SpaceError as `sample` does.
    """
    middle = encoder.encode(centre)
    values = _until_satisfied(encoder, lambda: encoder.decode(neighbour(encoder, middle, rng, width)), _ATTEMPTS)
    if values is None:
        raise _unsatisfiable(encoder)
    return values


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


@lru_cache(maxsize=16)
def _is_tight(encoder: Encoder) -> bool:
    """Whether uniform draws find nothing valid: the same for every generator, so that a walk begins early."""
    return _uniform(encoder, np.random.default_rng(0), _ATTEMPTS) is None


def _uniform(encoder: Encoder, rng: np.random.Generator, attempts: int) -> Values | None:
    return _until_satisfied(encoder, lambda: encoder.decode(encoder.from_unit(rng.random(encoder.dims))), attempts)


def _until_satisfied(encoder: Encoder, attempt: Callable[[], Values], attempts: int) -> Values | None:
    for _ in range(attempts):
        values = attempt()
        if encoder.broken(values) is None:
            return values
    return None


def _unsatisfiable(encoder: Encoder) -> SpaceError:
    """The error that names the constraint which uniform configurations break most often."""
    rng = np.random.default_rng(0)
    drawn = encoder.from_unit(rng.random((_ASKED, encoder.dims)))
    broken = Counter(one.text for point in drawn if (one := encoder.broken(encoder.decode(point))) is not None)
    worst = max((one.text for one in encoder.constraints), key=lambda text: broken[text])
    return SpaceError(
        Finding(
            "unsatisfiable",
            f"none of {_ATTEMPTS:,} configurations drawn satisfies the constraints of {encoder.space.name}",
            hint=f"most break `{worst}`: relax it or the bounds",
        )
    )
