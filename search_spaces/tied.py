"""Tied keys: not searched, but worked out from others in every configuration.

    INPUT.SIZE_TEST: {type: tied, to: INPUT.SIZE_TRAIN}
    SOLVER.BIAS_LR: {type: tied, to: SOLVER.BASE_LR, factor: 2.0}
    SOLVER.WARMUP_EPOCHS: {type: tied, expression: "10 if SOLVER.OPT == 'SGD' else 5"}

An expression is one of the language of constraints with a value of any type.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from reid_core.config import Value, Values
from reid_core.errors import Finding, SpaceError
from search_spaces.conditions import When, cycle
from search_spaces.evaluation import evaluate
from search_spaces.expression import ExpressionError, keys, parse
from search_spaces.faults import fault
from search_spaces.parameters import Flag, Frozen, Number

__all__ = ["Tied", "derive", "is_tied", "read_keys", "tied_faults", "words"]

_DIGITS = 12  # of a derived number: 0.1 x 0.35 is 0.035, as a person would write it
_MOST = 200
"""Tied keys of a space: a chain of them is followed by recursion, and every configuration works out each."""


class Tied(Frozen):
    """A key that follows others: `to` times `factor` plus `offset`, or an expression over keys."""

    type: Literal["tied"] = Field("tied", description="follows other keys")
    to: str = Field("", description="the key that it follows: a parameter, or any key of the configuration")
    factor: Number = Field(1.0, description="times this; the key must be a number then")
    offset: Number = Field(0.0, description="plus this; the key must be a number then")
    expression: str = Field(
        "",
        description="instead of `to`: an expression over keys, in the language of constraints",
    )
    whole: Flag = Field(default=False, description="rounded to the nearest whole number")
    help: str = Field("", description="one line for tables and forms")

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if bool(self.to) is bool(self.expression):
            what = "both `to` and `expression`" if self.to else "neither `to` nor `expression`"
            raise fault("bad-tie", f"a tied key has {what}", hint="give one of them")
        if self.expression:
            if (self.factor, self.offset) != (1.0, 0.0):
                hint = "write them into the expression"
                raise fault("bad-tie", "factor and offset belong to `to`", "expression", hint=hint)
            try:
                _parsed(self.expression)
            except ExpressionError as error:
                raise fault("bad-expression", f"`{self.expression}`: {error.message}", "expression") from error
        return self


@dataclass(frozen=True, slots=True)
class _Expression:
    keys: tuple[str, ...]
    tree: ast.expr = field(repr=False, compare=False)


def is_tied(entry: object) -> bool:
    """Whether an entry of `parameters` is a tied key."""
    return isinstance(entry, Tied) or (isinstance(entry, dict) and entry.get("type") == "tied")


def read_keys(tied: Tied) -> tuple[str, ...]:
    """The keys that a tied one is worked out from."""
    return (tied.to,) if tied.to else _parsed(tied.expression).keys


def words(tied: Tied) -> str:
    """Say how it is worked out: `0.1 x SOLVER.BASE_LR + 0.01`."""
    if tied.expression:
        text = tied.expression
    else:
        times = f"{tied.factor:g} x " if tied.factor != 1.0 else ""
        plus = f" {'-' if tied.offset < 0 else '+'} {abs(tied.offset):g}" if tied.offset else ""
        text = f"{times}{tied.to}{plus}"
    return f"{text}, whole" if tied.whole else text


def derive(values: Mapping[str, Value], tied: Mapping[str, Tied]) -> Values:
    """Work out every tied key from a whole configuration, in which the tied keys' own values do not count.

    Raises SpaceError[tied-no-value] where there is no value: division by zero, arithmetic on a text, a missing key.
    """
    found: Values = {}
    known = dict(values)

    def work_out(key: str) -> None:
        rule = tied[key]
        for other in read_keys(rule):
            if other in tied and other not in found:
                work_out(other)
        try:
            known[key] = found[key] = _worth(rule, known)
        except ExpressionError as error:
            finding = Finding("tied-no-value", f"{key}: {words(rule)} has no value: {error.message}", key=key)
            raise SpaceError(finding) from error

    for key in tied:
        if key not in found:
            work_out(key)
    return {key: found[key] for key in tied}


def tied_faults(
    tied: Mapping[str, Tied], elsewhere: Mapping[str, str], whens: Mapping[str, When]
) -> Iterator[PydanticCustomError]:
    """Find ties that go round, keys that have a value already (`elsewhere` says what), conditions on tied keys.

    Of more than 200 only that is told.
    """
    if len(tied) > _MOST:
        message = f"{len(tied)} keys are tied, and at most {_MOST} may be"
        yield fault("too-many-tied", message, "tied", list(tied)[_MOST], hint="tie only what a trial needs")
        return
    for key in tied:
        if key in elsewhere:
            yield fault("tied-twice", f"{key} is both tied and {elsewhere[key]}", "tied", key)
    circle = cycle({key: dict.fromkeys(read_keys(rule), True) for key, rule in tied.items()})
    if circle:
        yield fault("tied-cycle", f"tied keys go round: {' -> '.join(circle)}", "tied", circle[0])
    yield from _conditions(whens, tied)


def _conditions(whens: Mapping[str, When], tied: Collection[str]) -> Iterator[PydanticCustomError]:
    for name, when in whens.items():
        for other in when:
            if other in tied:
                message, hint = f"{other} is tied: `when` cannot wait for it", "name the key that it follows"
                yield fault("tied-condition", message, "parameters", name, "when", other, hint=hint)


def _worth(rule: Tied, values: Mapping[str, Value]) -> Value:
    if rule.expression:
        return _tidy(evaluate(_parsed(rule.expression).tree, values), whole=rule.whole)
    if rule.to not in values:
        raise ExpressionError(f"{rule.to} has no value")
    value = values[rule.to]
    if (rule.factor, rule.offset, rule.whole) == (1.0, 0.0, False):
        return list(value) if isinstance(value, list) else value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ExpressionError(f"{value!r} is not a number")
    result = value * rule.factor + rule.offset
    exact = isinstance(value, int) and rule.factor.is_integer() and rule.offset.is_integer()
    return _tidy(result, whole=rule.whole or (exact and math.isfinite(result)))


def _tidy(value: Value, *, whole: bool) -> Value:
    if whole:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ExpressionError(f"{value!r} is not a number")
        if not math.isfinite(value):
            raise ExpressionError("not a number, or too large a one")
        return math.floor(value + 0.5)
    if not isinstance(value, float):
        return list(value) if isinstance(value, list) else value
    if not math.isfinite(value):
        raise ExpressionError("not a number, or too large a one")
    return float(f"{value:.{_DIGITS}g}")


@lru_cache(maxsize=256)
def _parsed(text: str) -> _Expression:
    tree = parse(text, truth=False)
    return _Expression(tuple(dict.fromkeys(key for key, _ in keys(tree))), tree)
