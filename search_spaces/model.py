"""The space: a recipe, what varies in it, what to optimise, and the budget. Frozen values, no files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from reid_core.config import Values
from search_spaces.conditions import cycle
from search_spaces.constraints import parse_constraint
from search_spaces.equality import repeated
from search_spaces.faults import fault
from search_spaces.limits import parse_target, parse_wall_time
from search_spaces.measures import COSTS, LOSS, Measures, measures_of
from search_spaces.outcomes import split
from search_spaces.parameters import Choice, Float, Frozen, Int, Number, Parameter, Whole
from search_spaces.rows import Published, Row
from search_spaces.tied import Tied, is_tied, tied_faults

__all__ = [
    "ALGORITHMS",
    "COSTS",
    "FILE_FIELDS",
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
    "Tied",
    "joint_faults",
    "lower_is_better",
]


ALGORITHMS = (
    "asha",
    "bohb",
    "cma-es",
    "freeze-thaw",
    "gp",
    "grid",
    "hpbandster",
    "hyperband",
    "median",
    "nsga2",
    "nsga3",
    "pbt",
    "random",
    "sobol",
    "successive-halving",
    "tpe",
)
"""What `search.algorithm` may name."""
SCHEDULES = ("full", "hyperband", "successive-halving", "asha", "median")
"""What `search.schedule` may name."""


_NO_TIES: Mapping[str, Tied] = MappingProxyType({})


class Goal(StrEnum):
    """Which way is better."""

    MAXIMIZE = "maximize"
    MINIMIZE = "minimize"


class Objective(Frozen):
    """What the search optimises, measured on the validation split."""

    metric: str = Field(
        "mAP",
        description=f"a metric that the task reports (`reid-tune tasks`), {LOSS}, {', '.join(COSTS)}; "
        "default: that by which the task chooses, mAP for reid",
    )
    goal: Goal = Field(
        Goal.MAXIMIZE, description="maximize or minimize; default: minimize for loss, costs and errors, else maximize"
    )

    @model_validator(mode="before")
    @classmethod
    def _shorthand(cls, raw: object) -> object:
        """Let `mAP` stand for `{metric: mAP}`; loss and costs are minimised when nothing else is said."""
        if isinstance(raw, str):
            raw = {"metric": raw}
        if isinstance(raw, dict) and raw.get("metric") in {LOSS, *COSTS}:
            return {"goal": Goal.MINIMIZE, **raw}
        return raw

    def settled(self, measures: Measures) -> Objective:
        """With the task's own metric and the measure's direction, where nothing else was said."""
        metric = self.metric if "metric" in self.model_fields_set else measures.best
        natural = Goal.MINIMIZE if metric in measures.lower else Goal.MAXIMIZE
        return Objective(metric=metric, goal=self.goal if "goal" in self.model_fields_set else natural)


def lower_is_better(objectives: Sequence[Objective], measures: Measures | None = None) -> frozenset[str]:
    """Metrics that are better the lower they are: an objective's by its goal, others by their nature."""
    lower = (measures or measures_of()).lower
    goals = {**dict.fromkeys(lower, Goal.MINIMIZE), **{one.metric: one.goal for one in objectives}}
    return frozenset(metric for metric, goal in goals.items() if goal is Goal.MINIMIZE)


class Budget(Frozen):
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
        if self.wall_time:
            parse_wall_time(self.wall_time)
        if self.target:
            parse_target(self.target)
        return self


class Search(Frozen):
    """How configurations are chosen."""

    algorithm: str = Field("freeze-thaw", description=" or ".join(ALGORITHMS) + "; with rows, grid")
    schedule: str = Field("", description=" or ".join(SCHEDULES) + "; default: the algorithm's own")
    seeds: Whole = Field(1, ge=1, description="how often grid trains each configuration, each time with another seed")
    confirm: Whole = Field(0, ge=0, description="new seeds that each of the best three is trained with before one wins")


class Resources(Frozen):
    """What one trial takes on a node."""

    cpus: Annotated[Whole, Field(ge=1)] | Literal["auto"] = Field(
        "auto", description="CPU threads a trial; auto shares the node's cores"
    )
    gpus: Annotated[Number, Field(ge=0)] | Literal["auto"] = Field(
        "auto", description="GPUs a trial, a fraction shares one; auto: 1 where there is one"
    )
    memory_gb: Annotated[Number, Field(ge=0)] = Field(0.0, description="memory a trial, in GiB; 0: not counted")
    nodes: Annotated[Whole, Field(ge=1)] = Field(1, description="nodes that one trial's processes are spread over")
    labels: dict[str, str] = Field(default_factory=dict, description="labels that a node must carry")
    custom: dict[str, float] = Field(default_factory=dict, description="other resources of a node that a trial takes")
    silence: Annotated[Number, Field(gt=0)] = Field(
        1800.0, description="seconds without a sign of life after which a trial counts as hung and is ended"
    )


class Space(Frozen):
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
    tied: dict[str, Tied] = Field(
        default_factory=dict,
        description="keys that follow others, by configuration key; `parameters` may hold them as `type: tied`",
    )
    rows: tuple[Row, ...] = Field((), description="named configurations instead of parameters: an ablation")
    published: tuple[Published, ...] = Field((), description="columns that a report shows beside the rows")
    constraints: tuple[str, ...] = Field(
        (), description="expressions over keys that every configuration satisfies, or over metrics: `latency_ms <= 5`"
    )
    measures: Measures = Field(
        default_factory=measures_of, description="what its trials report; from the task of the recipe, not from a file"
    )

    @model_validator(mode="before")
    @classmethod
    def _one_objective(cls, raw: object) -> object:
        """Let a single objective stand for a list of one, and `type: tied` among the parameters for `tied`."""
        if not isinstance(raw, dict):
            return raw
        if isinstance(raw.get("objective"), str | dict | Objective):
            raw = {**raw, "objective": [raw["objective"]]}
        parameters = raw.get("parameters")
        if not isinstance(parameters, dict):
            return raw
        tied = {key: entry for key, entry in parameters.items() if is_tied(entry)}
        if not tied:
            return raw
        searched = {key: entry for key, entry in parameters.items() if key not in tied}
        return {**raw, "parameters": searched, "tied": {**(raw.get("tied") or {}), **tied}}

    @model_validator(mode="after")
    def _sound(self) -> Self:
        for found in joint_faults(self.fixed, self.parameters, self.rows, self.tied):
            raise found
        metrics = [objective.metric for objective in self.objective]
        twice = repeated(metrics)
        if twice is not None:
            raise fault("duplicate-metric", f"{metrics[twice]} is an objective twice", "objective", twice)
        return self

    @property
    def configuration_constraints(self) -> tuple[str, ...]:
        """Those of `constraints` that a configuration satisfies or not before it is trained."""
        return tuple(split(self.constraints, self.measures.names, {*self.parameters, *self.fixed, *self.tied})[0])

    @property
    def outcome_constraints(self) -> tuple[str, ...]:
        """Those of `constraints` that name a metric: a trial that breaks one is worth less than any that does not."""
        return tuple(split(self.constraints, self.measures.names, {*self.parameters, *self.fixed, *self.tied})[1])

    @property
    def costs(self) -> tuple[str, ...]:
        """What a trial has to measure of its model: costs that an objective or a constraint on outcomes names."""
        named = {objective.metric for objective in self.objective}
        named |= {key for text in self.outcome_constraints for key, _ in parse_constraint(text).keys}
        return tuple(cost for cost in COSTS if cost in named)


FILE_FIELDS = tuple(name for name in Space.model_fields if name != "measures")
"""What a file may say of a space."""


def joint_faults(
    fixed: Values, parameters: Mapping[str, Parameter], rows: Sequence[Row] = (), tied: Mapping[str, Tied] = _NO_TIES
) -> list[PydanticCustomError]:
    """Find what is wrong with parameters and fixed values that are sound one by one."""
    found = [
        fault("fixed-and-varied", f"{key} is both fixed and a parameter", "fixed", key)
        for key in fixed
        if key in parameters
    ]
    elsewhere = {
        **dict.fromkeys((key for row in rows for key in row.set), "set by a row"),
        **dict.fromkeys(fixed, "fixed"),
        **dict.fromkeys(parameters, "a parameter"),
    }
    found += tied_faults(tied, elsewhere, {name: parameter.when for name, parameter in parameters.items()})
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
