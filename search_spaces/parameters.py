"""What one parameter may be: a real number, a whole number, or one of several values. Frozen values, no files."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

from reid_core.config import Scalar, Value
from search_spaces.equality import index_of, repeated
from search_spaces.faults import fault

__all__ = ["Choice", "Flag", "Float", "Frozen", "Int", "Number", "Parameter", "Whole"]

_BETWEEN = 1e-6
"""Steps that a value may be off: what decimal fractions lose as binary ones, and no more."""

_MOST_STEPS = 1e9
"""Beyond these, float steps cannot be told apart within `_BETWEEN`, and decimals run out of digits."""

Number: TypeAlias = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Whole: TypeAlias = Annotated[int, Field(strict=True)]
Flag: TypeAlias = Annotated[bool, Field(strict=True)]


class Frozen(BaseModel):
    """A part of a space: never changed, no unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class _Parameter(Frozen):
    when: dict[str, Scalar | list[Scalar]] = Field(
        default_factory=dict,
        description="active only when these other parameters or keys have this value (or one of these)",
    )
    help: str = Field("", description="one line for tables and forms")


class Float(_Parameter):
    """A real number in [low, high]."""

    type: Literal["float"] = Field("float", description="a real number")
    low: Number = Field(description="the smallest value")
    high: Number = Field(description="the largest value")
    log: Flag = Field(default=False, description="search on a logarithmic scale; low is above 0")
    step: Annotated[Number, Field(gt=0)] | None = Field(
        None, description="distance between two values, counted from low; not together with log"
    )
    prior: Number | None = Field(None, description="the value expected to be good; default: the recipe's")
    grid: tuple[Number, ...] = Field((), description="the values that the algorithm grid tries")

    @model_validator(mode="after")
    def _sound(self) -> Self:
        _check_bounds(self.low, self.high, log=self.log)
        _check_prior(self.prior, self.low, self.high)
        if self.step is not None:
            self._check_step(self.step)
        _check_grid(self.grid, self.low, self.high, *(() if self.step is None else (self.step, self.level_of)))
        return self

    @property
    def levels(self) -> int | None:
        """The number of values; None without a step."""
        if self.step is None:
            return None
        return int((_decimal(self.high) - _decimal(self.low)) // _decimal(self.step)) + 1

    def at_level(self, level: int) -> float:
        """The value `level` steps above low, as it would be written: 0.1 + 2 x 0.1 is 0.3."""
        return float(_decimal(self.low) + level * _decimal(self.step or 0.0))

    def level_of(self, value: float) -> int | None:
        """How many steps a value is above low; None when it lies between two."""
        steps = (value - self.low) / (self.step or 1.0)
        level = round(steps)
        return level if abs(steps - level) <= _BETWEEN and 0 <= level < (self.levels or 0) else None

    def _check_step(self, step: float) -> None:
        if self.log:
            hint = "leave out `step`, or list the values in a choice with `ordered: true`"
            raise fault("step-with-log", "a logarithmic scale has no steps of one length", "step", hint=hint)
        if (self.high - self.low) / step > _MOST_STEPS:
            message = f"step {step!r} makes more than {_MOST_STEPS:,.0f} steps from {self.low!r} to {self.high!r}"
            raise fault("out-of-range", message, "step", hint="make it larger, or leave it out")
        if (self.levels or 0) < 2:
            raise fault("choice-too-short", f"step {step!r} leaves no value but low, {self.low!r}", "step")
        if self.prior is not None and self.level_of(self.prior) is None:
            message = f"prior {self.prior!r} is not {self.low!r} plus steps of {step!r}"
            raise fault("prior-outside-bounds", message, "prior")


class Int(_Parameter):
    """A whole number in [low, high]."""

    type: Literal["int"] = Field("int", description="a whole number")
    low: Whole = Field(description="the smallest value")
    high: Whole = Field(description="the largest value")
    log: Flag = Field(default=False, description="search on a logarithmic scale; low is above 0")
    step: Whole = Field(1, ge=1, description="distance between two values, counted from low")
    prior: Whole | None = Field(None, description="the value expected to be good; default: the recipe's")
    grid: tuple[Whole, ...] = Field((), description="the values that the algorithm grid tries")

    @model_validator(mode="after")
    def _sound(self) -> Self:
        _check_bounds(self.low, self.high, log=self.log)
        if self.low + self.step > self.high:
            raise fault("choice-too-short", f"step {self.step} leaves no value but low, {self.low}", "step")
        _check_prior(self.prior, self.low, self.high)
        if self.prior is not None and (self.prior - self.low) % self.step:
            raise fault(
                "prior-outside-bounds",
                f"prior {self.prior} is not {self.low} plus steps of {self.step}",
                "prior",
            )
        _check_grid(self.grid, self.low, self.high, self.step, self._level_of)
        return self

    @property
    def levels(self) -> int:
        """The number of values."""
        return (self.high - self.low) // self.step + 1

    def _level_of(self, value: float) -> int | None:
        return None if (value - self.low) % self.step else int(value - self.low) // self.step


class Choice(_Parameter):
    """One of the listed values."""

    type: Literal["choice"] = Field("choice", description="one of a list of values")
    values: tuple[Value, ...] = Field(description="the values, two or more, all different")
    ordered: Flag = Field(default=False, description="neighbours in the list resemble each other")
    prior: Value = Field(None, description="the value expected to be good; default: the recipe's")

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if len(self.values) < 2:
            raise fault(
                "choice-too-short",
                f"a choice needs two values or more, not {len(self.values)}",
                "values",
                hint="a single value belongs under `fixed:`",
            )
        twice = repeated(self.values)
        if twice is not None:
            raise fault("choice-duplicate", f"{self.values[twice]!r} is listed twice", "values", twice)
        for index, value in enumerate(self.values):
            if isinstance(value, float) and not math.isfinite(value):
                raise fault("wrong-type", f"{value!r} is not a finite number", "values", index)
        if self.prior is not None and index_of(self.prior, self.values) is None:
            raise fault("prior-outside-bounds", f"prior {self.prior!r} is not one of the values", "prior")
        return self


def _check_bounds(low: float, high: float, *, log: bool) -> None:
    if not low < high:
        raise fault("low-not-below-high", f"low {low!r} is not below high {high!r}", "low")
    if not math.isfinite(high - low):
        raise fault("out-of-range", f"the distance from {low!r} to {high!r} is not a finite number", "high")
    if log and low <= 0:
        raise fault(
            "log-needs-positive",
            f"a logarithmic scale needs low above 0, not {low!r}",
            "low",
            hint="raise low, or leave out `log`",
        )


def _check_prior(prior: float | None, low: float, high: float) -> None:
    if prior is not None and not low <= prior <= high:
        raise fault("prior-outside-bounds", f"prior {prior!r} is outside [{low!r}, {high!r}]", "prior")


def _decimal(number: float) -> Decimal:
    return Decimal(repr(float(number)))


def _check_grid(
    grid: tuple[float, ...],
    low: float,
    high: float,
    step: float | None = None,
    level_of: Callable[[float], int | None] | None = None,
) -> None:
    for index, value in enumerate(grid):
        if not low <= value <= high:
            raise fault("out-of-range", f"{value!r} of the grid is outside [{low!r}, {high!r}]", "grid", index)
        if level_of is not None and level_of(value) is None:
            raise fault("out-of-range", f"{value!r} of the grid is not {low} plus steps of {step}", "grid", index)
    twice = repeated(grid)
    if twice is not None:
        raise fault("choice-duplicate", f"{grid[twice]!r} is in the grid twice", "grid", twice)


Parameter: TypeAlias = Annotated[Float | Int | Choice, Field(discriminator="type")]
