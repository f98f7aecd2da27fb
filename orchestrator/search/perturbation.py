"""A configuration's neighbour that its own training can go on with (explore of Jaderberg et al. 2017, section 3).

Numbers become 0.8 or 1.2 times themselves; on a linear scale they move by a twentieth of their range at least, since 0
would stay 0. Ordered choices move one step; other choices are drawn anew in a quarter of the cases. What a training
cannot change, the model's architecture say, stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from reid_core.config import Value, Values, may_change_in_training
from reid_core.errors import Finding, SpaceError
from search_spaces.codec import codec_of
from search_spaces.encoding import Encoder
from search_spaces.equality import index_of
from search_spaces.model import Choice, Float, Int, Parameter, Space
from search_spaces.names import short_names

__all__ = ["Perturbation", "changeable", "check_changeable"]

_SHARE = 0.2
_LEAST = 0.05  # of the range of a linear scale
_REDRAWN = 0.25
_DRAWS = 64
_WHOLE_DRAWS = 24  # after so many only some parameters move: constraints may forbid that all do


def changeable(space: Space) -> tuple[str, ...]:
    """The parameters that may change while a trial trains; all of them where no recipe says what they are."""
    return tuple(name for name in space.parameters if _may_change(space, name))


def check_changeable(space: Space) -> None:
    """Raise SpaceError when no parameter of the space may change while a trial trains."""
    if space.parameters and not changeable(space):
        message = f"nothing in {space.name} may change while a trial trains: {', '.join(space.parameters)}"
        hint = "add a parameter of SOLVER, MODEL.LOSSES, INPUT or DATALOADER, or use another algorithm"
        raise SpaceError(Finding("nothing-to-perturb", message, key="parameters", hint=hint))


def _may_change(space: Space, key: str) -> bool:
    return space.recipe is None or may_change_in_training(key)


class Perturbation:
    """Draws neighbours in the space of `encoder`."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._space = encoder.space
        self._short = short_names(encoder.names)

    def draws(self, values: Values, rng: np.random.Generator) -> Iterator[Values]:
        """Valid neighbours of `values` that its training can go on with; none where no change is possible."""
        for number in range(_DRAWS):
            found = self._drawn(values, rng, moving=1.0 if number < _WHOLE_DRAWS else 0.5)
            if found is not None and found != values:
                yield found

    def told(self, before: Values, after: Values) -> str:
        """What differs, in words: `BASE_LR x 1.2, SCHED MultiStepLR`; parameters that left are not told."""
        changed = [name for name in after if name not in before or before[name] != after[name]]
        return ", ".join(f"{self._short[name]} {_told(before.get(name), after[name])}" for name in changed)

    def _drawn(self, values: Values, rng: np.random.Generator, *, moving: float) -> Values | None:
        """One neighbour, or None when conditions, constraints or the training refuse it; a parameter moves so often."""
        wanted: Values = {}
        for name, parameter in self._space.parameters.items():
            if not _may_change(self._space, name):
                wanted[name] = values.get(name, self._encoder.base.get(name))
            elif name in values:
                moved = _moved(name, parameter, values[name], rng)
                wanted[name] = moved if rng.random() < moving else values[name]
            else:  # counts only where the others make it active
                wanted[name] = _anywhere(name, parameter, rng)
        found = self._encoder.fitting(wanted)
        return found if found is not None and self._goes_on(values, found) else None

    def _goes_on(self, before: Values, after: Values) -> bool:
        """Whether the whole configurations differ in nothing but what may change."""
        old, new = self._encoder.complete(before), self._encoder.complete(after)
        differing = (key for key in {**old, **new} if old.get(key) != new.get(key))
        return all(_may_change(self._space, key) for key in differing)


def _moved(name: str, parameter: Parameter, value: Value, rng: np.random.Generator) -> Value:
    up = bool(rng.random() < 0.5)
    match parameter:
        case Choice(ordered=True, values=values):
            place = index_of(value, values) or 0
            return values[place + (1 if place == 0 or (up and place + 1 < len(values)) else -1)]
        case Choice(values=values):
            others = [one for one in values if one != value]
            return others[int(rng.integers(len(others)))] if rng.random() < _REDRAWN else value
        case Float() | Int():
            number = float(str(value))
            moved = _number(name, parameter, number, up=up)
            return moved if moved != value else _number(name, parameter, number, up=not up)


def _number(name: str, parameter: Float | Int, value: float, *, up: bool) -> Value:
    """The number moved up or down, inside its bounds; where there are steps, it moves by one at least."""
    step = _SHARE * abs(value)
    if not parameter.log:
        step = max(step, _LEAST * (parameter.high - parameter.low))
    wanted = value + step if up else value - step
    if parameter.step is not None:
        level, now = (round((one - parameter.low) / parameter.step) for one in (wanted, value))
        level = level if level != now else now + (1 if up else -1)
        return _at_level(parameter, min(max(level, 0), (parameter.levels or 1) - 1))
    codec = codec_of(name, parameter)
    return codec.decode(codec.encode(min(max(wanted, parameter.low), parameter.high)))


def _at_level(parameter: Float | Int, level: int) -> Value:
    if isinstance(parameter, Float):
        return parameter.at_level(level)
    return parameter.low + level * parameter.step


def _anywhere(name: str, parameter: Parameter, rng: np.random.Generator) -> Value:
    codec = codec_of(name, parameter)
    return codec.decode(float(rng.integers(codec.categories)) if codec.categories else float(rng.random()))


def _told(before: Value, after: Value) -> str:
    if _is_number(before) and _is_number(after) and before != 0:
        return f"x {float(str(after)) / float(str(before)):.3g}"
    return f"{after:.3g}" if isinstance(after, float) else str(after)


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
