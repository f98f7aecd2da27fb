"""The fields of the launch form: of the request, of the budget and resources of its space, and of each parameter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dashboards.formats import value
from orchestrator.service.views import SpaceView
from search_spaces.model import ALGORITHMS, SCHEDULES, Choice, Float, Int, Parameter, Space

__all__ = ["GROUPS", "Field", "ParameterField", "groups", "parameter_fields"]

GROUPS = ("Study", "Budget and limits", "Where it runs", "What it begins with")


@dataclass(frozen=True, slots=True)
class Field:
    """One input. `kind` is text, number, lines or the name of a list of options; `placeholder` is what empty means."""

    name: str
    label: str
    help: str
    kind: str = "text"
    placeholder: str = ""
    options: tuple[str, ...] = ()
    strict: bool = False


def groups(space: Space) -> list[tuple[str, list[Field]]]:
    """The fields by group; what is usual in this space stands in the empty ones."""
    return list(zip(GROUPS, (_study(space), _budget(space), _place(space), _begin()), strict=True))


def _study(space: Space) -> list[Field]:
    return [
        Field("name", "Name", "a readable one is made when empty", placeholder="cows-bnneck"),
        Field("data", "Images", "a folder or URL; empty: the space's own", placeholder="/data/market1501"),
        Field(
            "algorithm", "Search", "how configurations are chosen", "list", space.search.algorithm, options=ALGORITHMS
        ),
        Field(
            "schedule",
            "Schedule",
            "how long trials train; empty: the algorithm's own",
            "list",
            space.search.schedule,
            options=SCHEDULES,
        ),
        Field("seed", "Seed", "of the search and of every trial", "number", "0"),
        Field(
            "protocol",
            "Measured on",
            "test only for spaces with rows, where nothing is chosen",
            "select",
            options=("validation", "test"),
            strict=True,
        ),
        Field(
            "set",
            "Settings for every trial",
            "one KEY: value a line, FastReID's keys",
            "lines",
            "INPUT.SIZE_TRAIN: [128, 64]",
        ),
    ]


def _budget(space: Space) -> list[Field]:
    budget = space.budget
    return [
        Field("trials", "Trials", "configurations to try", "number", str(budget.trials)),
        Field(
            "max_epochs",
            "Epochs of a full run",
            "the recipe's schedule is scaled to it",
            "number",
            str(budget.max_epochs),
        ),
        Field("min_epochs", "Epochs of the lowest rung", "nothing is judged before", "number", str(budget.min_epochs)),
        Field("eta", "One of … goes on", "how strictly a rung selects", "number", str(budget.eta)),
        Field(
            "confirm",
            "New seeds",
            "for each of the best three; the best mean wins",
            "number",
            _or(space.search.confirm),
        ),
        Field("seeds", "Seeds of a grid", "how often each configuration is trained", "number", str(space.search.seeds)),
        Field(
            "epochs",
            "Epochs in all",
            "ends the search; without trials it decides how many there are",
            "number",
            _or(budget.epochs, "no limit"),
        ),
        Field(
            "wall_time",
            "Time",
            "ends the search: 90s, 45m, 8h or 2d of running",
            "text",
            budget.wall_time or "no limit",
        ),
        Field("gpu_hours", "GPU-hours", "ends the search: of all trials", "decimal", _or(budget.gpu_hours, "no limit")),
        Field(
            "target", "Good enough", "ends the search when a trial gets there", "text", budget.target or "mAP >= 0.6"
        ),
    ]


def _place(space: Space) -> list[Field]:
    resources = space.resources
    return [
        Field(
            "backend",
            "Runs on",
            "ray: side by side, started here when none runs; processes: without Ray; inline: one by one",
            "select",
            options=("ray", "processes", "inline"),
            strict=True,
        ),
        Field("workers", "Slots", "segments side by side; empty: from the machine's cores or GPUs", "number", "auto"),
        Field("cpus", "Threads of a trial", "auto shares the node's cores", "text", str(resources.cpus)),
        Field("gpus", "GPUs of a trial", "a fraction shares one; several train one trial", "text", str(resources.gpus)),
        Field("memory_gb", "Memory of a trial, GiB", "0: not counted", "decimal", f"{resources.memory_gb:g}"),
        Field("nodes", "Nodes of a trial", "its processes are spread over them", "number", str(resources.nodes)),
        Field(
            "labels",
            "Labels of the node",
            "that a node must carry: KEY=VALUE, several with commas",
            "text",
            ", ".join(f"{key}={text}" for key, text in resources.labels.items()) or "zone=a",
        ),
        Field("ray_address", "Ray cluster", "its address; empty: a local one", "text", "auto"),
        Field("max_slots", "Slots at most", "of the service's slots", "number", "no limit"),
        Field("priority", "Priority", "in the service: the higher is served first", "number", "0"),
        Field("weight", "Weight", "share of the slots beside studies of the same priority", "decimal", "1"),
        Field(
            "checkpoints", "Checkpoints under", "a URL; empty: the study's own folder", "text", "s3://bucket/studies"
        ),
        Field(
            "keep_checkpoints",
            "Which stay",
            "best: best, newest and those of rungs",
            "select",
            options=("best", "last", "all"),
            strict=True,
        ),
        Field(
            "runtime_env",
            "Ray runtime environment",
            "JSON, or ship: this installation is sent to nodes",
            "text",
            "ship",
        ),
    ]


def _begin() -> list[Field]:
    return [
        Field(
            "teacher",
            "Teacher",
            "a smaller model learns from it: study:NAME or a checkpoint, several with commas",
            "text",
            "study:cows",
        ),
        Field("warm_start", "Earlier studies", "whose results the model may use: names with commas", "text", "cows"),
        Field(
            "enqueue",
            "Configurations to try first",
            "one mapping a line, in whole or in part",
            "lines",
            "{SOLVER.BASE_LR: 0.001}",
        ),
    ]


def _or(number: float | None, otherwise: str = "0") -> str:
    return otherwise if number is None else f"{number:g}"


@dataclass(frozen=True, slots=True)
class ParameterField:
    """The inputs of one parameter: `texts` are what they hold untouched, by the part of the parameter."""

    key: str
    kind: str
    help: str
    active: str
    usual: str
    texts: Mapping[str, str] = field(default_factory=dict)
    log: bool | None = None

    def name(self, part: str) -> str:
        """The name of the input of a part: low:SOLVER.BASE_LR."""
        return f"{part}:{self.key}"


def parameter_fields(space: SpaceView) -> list[ParameterField]:
    """The inputs of each parameter, in the order of the space's file."""
    return [_field(key, one, space) for key, one in space.space.parameters.items()]


def _field(key: str, one: Parameter, space: SpaceView) -> ParameterField:
    usual = value(space.defaults[key]) if key in space.defaults else ""
    active = ", ".join(f"{other} is {value(needed)}" for other, needed in one.when.items())
    prior = "" if one.prior is None else _exact(one.prior)
    match one:
        case Choice():
            texts = {"values": ", ".join(_exact(each) for each in one.values), "prior": prior}
            return ParameterField(key, "choice", one.help, active, usual, texts)
        case Float() | Int():
            step = "" if one.step is None or (isinstance(one, Int) and one.step == 1) else _exact(one.step)
            texts = {"low": _exact(one.low), "high": _exact(one.high), "step": step, "prior": prior}
            return ParameterField(key, one.type, one.help, active, usual, texts, log=one.log)


def _exact(setting: object) -> str:
    """A value as it is typed: nothing is rounded."""
    match setting:
        case None:
            return "null"
        case bool():
            return "true" if setting else "false"
        case list() | tuple():
            return "[" + ", ".join(_exact(part) for part in setting) + "]"
        case _:
            return str(setting)
