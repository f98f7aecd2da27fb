"""One parameter as one coordinate: numbers and ordered choices in [0, 1], unordered choices as a category index.

Levels (whole numbers, ordered choices) own equal bins of their scale, so that a uniform coordinate is a uniform value.
"""

from __future__ import annotations

import copy
import math
from typing import Protocol

from reid_core.config import Value
from reid_core.errors import Finding, SpaceError
from search_spaces.equality import index_of
from search_spaces.model import Choice, Float, Int, Parameter

__all__ = ["Codec", "codec_of"]

_DIGITS = 6  # of a real value: no model is finer, and tables, commands and other machines keep it exactly


class Codec(Protocol):
    """Values of one parameter to coordinates and back."""

    @property
    def categories(self) -> int:
        """Number of categories of an unordered choice; 0 for a coordinate in [0, 1]."""

    def encode(self, value: Value) -> float:
        """Place a value. Raises SpaceError when the parameter does not have it."""

    def decode(self, x: float) -> Value:
        """Find the value nearest to a coordinate; outside coordinates count as the end of the scale."""

    def levels(self, most: int) -> list[Value]:
        """List values evenly over the scale: all of them, or `most` where there are more."""


def codec_of(name: str, parameter: Parameter) -> Codec:
    """Build the codec of a parameter; `name` is for messages."""
    match parameter:
        case Float(step=None):
            return _FloatCodec(name, parameter)
        case Float():
            return _SteppedCodec(name, parameter)
        case Int():
            return _IntCodec(name, parameter)
        case Choice(ordered=True):
            return _OrderedCodec(name, parameter)
        case Choice():
            return _UnorderedCodec(name, parameter)


class _FloatCodec:
    categories = 0

    def __init__(self, name: str, parameter: Float) -> None:
        self._name, self._p = name, parameter
        self._low, self._high = _scale(parameter.low, log=parameter.log), _scale(parameter.high, log=parameter.log)
        # Decimals (or significant digits on a logarithmic scale) that tell a millionth of the range apart.
        self._digits = _DIGITS - math.floor(math.log10(self._high - self._low))

    def encode(self, value: Value) -> float:
        number = _number(self._name, value, self._p.low, self._p.high)
        return (_scale(number, log=self._p.log) - self._low) / (self._high - self._low)

    def decode(self, x: float) -> Value:
        raw = self._low + _clip(x) * (self._high - self._low)
        value = _significant(math.exp(raw), max(self._digits, _DIGITS)) if self._p.log else round(raw, self._digits)
        return min(max(value, self._p.low), self._p.high)

    def levels(self, most: int) -> list[Value]:
        return [self.decode(index / (most - 1)) for index in range(most)] if most > 1 else [self.decode(0.5)]


class _SteppedCodec:
    categories = 0

    def __init__(self, name: str, parameter: Float) -> None:
        self._name, self._p = name, parameter
        self._levels = parameter.levels or 1

    def encode(self, value: Value) -> float:
        level = self._p.level_of(_number(self._name, value, self._p.low, self._p.high))
        if level is None:
            message = f"{value!r} is not {self._p.low!r} plus steps of {self._p.step!r}"
            raise _refused(self._name, "out-of-range", message)
        return (level + 0.5) / self._levels

    def decode(self, x: float) -> Value:
        return self._p.at_level(min(int(_clip(x) * self._levels), self._levels - 1))

    def levels(self, most: int) -> list[Value]:
        if self._levels <= most:
            return [self._p.at_level(level) for level in range(self._levels)]
        return [self.decode((index + 0.5) / most) for index in range(most)]


class _IntCodec:
    categories = 0

    def __init__(self, name: str, parameter: Int) -> None:
        self._name, self._p = name, parameter
        top = parameter.low + (parameter.levels - 1) * parameter.step
        half = parameter.step / 2
        # Below a small low, half a step may not be left on a logarithmic scale.
        bottom = max(parameter.low - half, parameter.low / 2) if parameter.log else parameter.low - half
        self._low, self._high = _scale(bottom, log=parameter.log), _scale(top + half, log=parameter.log)

    def encode(self, value: Value) -> float:
        number = _number(self._name, value, self._p.low, self._p.high)
        if number != int(number) or (int(number) - self._p.low) % self._p.step:
            raise _refused(self._name, "out-of-range", f"{value!r} is not {self._p.low} plus steps of {self._p.step}")
        return (_scale(number, log=self._p.log) - self._low) / (self._high - self._low)

    def decode(self, x: float) -> Value:
        raw = self._low + _clip(x) * (self._high - self._low)
        level = round(((math.exp(raw) if self._p.log else raw) - self._p.low) / self._p.step)
        return self._level(min(max(level, 0), self._p.levels - 1))

    def levels(self, most: int) -> list[Value]:
        if self._p.levels <= most:
            return [self._level(level) for level in range(self._p.levels)]
        spread = [self.decode((index + 0.5) / most) for index in range(most)]
        return [value for index, value in enumerate(spread) if value not in spread[:index]]

    def _level(self, level: int) -> int:
        return self._p.low + level * self._p.step


class _OrderedCodec:
    categories = 0

    def __init__(self, name: str, parameter: Choice) -> None:
        self._name, self._values = name, parameter.values

    def encode(self, value: Value) -> float:
        return (_place(self._name, value, self._values) + 0.5) / len(self._values)

    def decode(self, x: float) -> Value:
        return copy.copy(self._values[min(int(_clip(x) * len(self._values)), len(self._values) - 1)])

    def levels(self, most: int) -> list[Value]:
        del most  # every value of a choice counts
        return [copy.copy(value) for value in self._values]


class _UnorderedCodec:
    def __init__(self, name: str, parameter: Choice) -> None:
        self._name, self._values = name, parameter.values

    @property
    def categories(self) -> int:
        return len(self._values)

    def encode(self, value: Value) -> float:
        return float(_place(self._name, value, self._values))

    def decode(self, x: float) -> Value:
        return copy.copy(self._values[min(max(round(x), 0), len(self._values) - 1)])

    def levels(self, most: int) -> list[Value]:
        del most  # every value of a choice counts
        return [copy.copy(value) for value in self._values]


def _number(name: str, value: Value, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _refused(name, "wrong-type", f"{value!r} is not a number")
    if not low <= value <= high:
        raise _refused(name, "out-of-range", f"{value!r} is outside [{low!r}, {high!r}]")
    return value


def _place(name: str, value: Value, values: tuple[Value, ...]) -> int:
    place = index_of(value, values)
    if place is None:
        raise _refused(name, "out-of-range", f"{value!r} is not one of {', '.join(map(repr, values))}")
    return place


def _refused(name: str, code: str, message: str) -> SpaceError:
    return SpaceError(Finding(code, f"{name}: {message}", key=name))


def _scale(number: float, *, log: bool) -> float:
    return math.log(number) if log else float(number)


def _significant(number: float, digits: int) -> float:
    return float(f"{number:.{digits}g}")


def _clip(x: float) -> float:
    return min(max(float(x), 0.0), 1.0)
