"""The space: a recipe, what varies in it, what to optimise, and the budget. Frozen values, no files."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from reid_core.config import Scalar, Value, Values
from search_spaces.conditions import cycle
from search_spaces.equality import index_of, repeated
from search_spaces.faults import fault
from search_spaces.rows import Published, Row

__all__ = [
    "ALGORITHMS",
    "COSTS",
    "METRICS",
    "SCHEDULES",
    "Budget",
    "Choice",
    "Float",
    "Goal",
    "Int",
    "Objective",
    "Parameter",
    "Resources",
    "Search",
    "Space",
    "joint_faults",
]


COSTS = ("latency_ms", "parameters", "flops")
"""What a model costs: milliseconds an image on the trial's device, weights, multiply-adds an image. Less is better."""
METRICS = ("mAP", "mINP", "rank1", "rank5", "rank10", "loss", *COSTS)
"""What a trial reports after each epoch; all but loss and the costs are fractions in [0, 1]."""
ALGORITHMS = ("bohb", "freeze-thaw", "grid", "random")
"""What `search.algorithm` may name."""
SCHEDULES = ("full", "hyperband", "successive-halving", "asha", "median")
"""What `search.schedule` may name."""

Number: TypeAlias = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Whole: TypeAlias = Annotated[int, Field(strict=True)]
Flag: TypeAlias = Annotated[bool, Field(strict=True)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Goal(StrEnum):
    """Which way is better."""

    MAXIMIZE = "maximize"
    MINIMIZE = "minimize"


class Objective(_Frozen):
    """What the search optimises, measured on the validation split."""

    metric: str = Field("mAP", description=f"a metric that the trial reports: {', '.join(METRICS)}")
    goal: Goal = Field(
        Goal.MAXIMIZE, description="maximize or minimize; default: minimize for loss and costs, else maximize"
    )

    @model_validator(mode="before")
    @classmethod
    def _shorthand(cls, raw: object) -> object:
        """Let `mAP` stand for `{metric: mAP}`; loss and costs are minimised when nothing else is said."""
        if isinstance(raw, str):
            raw = {"metric": raw}
        if isinstance(raw, dict) and raw.get("metric") in {"loss", *COSTS}:
            return {"goal": Goal.MINIMIZE, **raw}
        return raw


class Budget(_Frozen):
    """Epochs of a full run, the shortest useful run, and how strictly a rung selects."""

    max_epochs: Whole = Field(60, ge=1, description="epochs of a full run")
    min_epochs: Whole = Field(7, ge=1, description="the lowest rung is never below it")
    eta: Whole = Field(3, ge=2, description="one of eta trials is promoted; rungs are max_epochs / eta^k")
    trials: Whole = Field(12, ge=1, description="number of configurations when --trials is not given")
    epochs: Annotated[Whole, Field(ge=1)] | None = Field(None, description="ends the search: epochs of all trials")
    gpu_hours: Annotated[Number, Field(gt=0)] | None = Field(
        None, description="ends the search: GPU-hours of all trials"
    )
    wall_time: str = Field("", description="ends the search: time since its start, as 90s, 45m, 8h or 2d")
    target: str = Field("", description="ends the search: METRIC >= VALUE or METRIC <= VALUE")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_epochs > self.max_epochs:
            raise fault(
                "min-epochs-above-max",
                f"min_epochs {self.min_epochs} is above max_epochs {self.max_epochs}",
                "min_epochs",
                hint=f"lower it to at most {self.max_epochs}",
            )
        return self


class Search(_Frozen):
    """How configurations are chosen."""

    algorithm: str = Field("bohb", description=" or ".join(ALGORITHMS) + "; with rows, grid")
    schedule: str = Field("", description=" or ".join(SCHEDULES) + "; default: the algorithm's own")
    seeds: Whole = Field(1, ge=1, description="how often grid trains each configuration, each time with another seed")
    confirm: Whole = Field(0, ge=0, description="new seeds that each of the best three is trained with before one wins")


class Resources(_Frozen):
    """What one trial takes on a node."""

    cpus: Annotated[Whole, Field(ge=1)] | Literal["auto"] = Field(
        "auto", description="CPU threads a trial; auto shares the node's cores"
    )
    gpus: Annotated[Number, Field(ge=0)] | Literal["auto"] = Field(
        "auto", description="GPUs a trial, a fraction shares one; auto: 1 where there is one"
    )


class _Parameter(_Frozen):
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
    prior: Number | None = Field(None, description="the value expected to be good; default: the recipe's")
    grid: tuple[Number, ...] = Field((), description="the values that the algorithm grid tries")

    @model_validator(mode="after")
    def _sound(self) -> Self:
        _check_bounds(self.low, self.high, log=self.log)
        _check_prior(self.prior, self.low, self.high)
        _check_grid(self.grid, self.low, self.high)
        return self


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
        _check_grid(self.grid, self.low, self.high, self.step)
        return self

    @property
    def levels(self) -> int:
        """The number of values."""
        return (self.high - self.low) // self.step + 1


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


def _check_grid(grid: tuple[float, ...], low: float, high: float, step: int | None = None) -> None:
    for index, value in enumerate(grid):
        if not low <= value <= high:
            raise fault("out-of-range", f"{value!r} of the grid is outside [{low!r}, {high!r}]", "grid", index)
        if step is not None and (value - low) % step:
            raise fault("out-of-range", f"{value!r} of the grid is not {low} plus steps of {step}", "grid", index)
    twice = repeated(grid)
    if twice is not None:
        raise fault("choice-duplicate", f"{grid[twice]!r} is in the grid twice", "grid", twice)


Parameter: TypeAlias = Annotated[Float | Int | Choice, Field(discriminator="type")]


class Space(_Frozen):
    """A search space: what varies (`parameters`), or configurations by name (`rows`). Both keep their order."""

    name: str = Field(description="for lists; in a file, its default is the name of the file")
    description: str = Field("", description="one line for lists")
    recipe: str | None = Field(None, description="a shipped recipe, a path, or a FastReID YAML; left out: values only")
    objective: tuple[Objective, ...] = Field(
        (Objective(),),
        min_length=1,
        description="a metric's name, one mapping {metric, goal}, or a list of them",
    )
    budget: Budget = Field(default_factory=Budget, description="epochs and trials")
    search: Search = Field(default_factory=Search, description="how configurations are chosen")
    resources: Resources = Field(default_factory=Resources, description="what one trial takes on a node")
    fixed: Values = Field(default_factory=dict, description="configuration keys set for every trial")
    parameters: dict[str, Parameter] = Field(
        default_factory=dict, description="what varies, by configuration key; needed unless there are rows"
    )
    rows: tuple[Row, ...] = Field((), description="named configurations instead of parameters: an ablation")
    published: tuple[Published, ...] = Field((), description="columns that a report shows beside the rows")
    constraints: tuple[str, ...] = Field((), description="expressions over keys that every configuration satisfies")

    @model_validator(mode="before")
    @classmethod
    def _one_objective(cls, raw: object) -> object:
        """Let a single objective stand for a list of one."""
        if isinstance(raw, dict) and isinstance(raw.get("objective"), str | dict | Objective):
            return {**raw, "objective": [raw["objective"]]}
        return raw

    @model_validator(mode="after")
    def _sound(self) -> Self:
        for found in joint_faults(self.fixed, self.parameters, self.rows):
            raise found
        return self


def joint_faults(
    fixed: Values, parameters: Mapping[str, Parameter], rows: Sequence[Row] = ()
) -> list[PydanticCustomError]:
    """Find what is wrong with parameters and fixed values that are sound one by one."""
    found = [
        fault("fixed-and-varied", f"{key} is both fixed and a parameter", "fixed", key)
        for key in fixed
        if key in parameters
    ]
    circle = cycle({name: parameter.when for name, parameter in parameters.items()})
    if circle:
        found.append(fault("when-cycle", f"`when` goes round: {' -> '.join(circle)}", "parameters", circle[0], "when"))
    if parameters and rows:
        message = "a space has parameters or rows, not both"
        found.append(fault("parameters-and-rows", message, "rows", hint="make two spaces"))
    if not parameters and not rows:
        message = "nothing varies: the space has no parameters"
        found.append(fault("empty-space", message, "parameters", hint="add at least one"))
    return found
