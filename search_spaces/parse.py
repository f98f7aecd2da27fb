"""A space's YAML to its model, part by part, so that one bad part does not hide the faults of the others."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from reid_core.config import Source, Value, Values, suggest
from reid_core.config.source import Path, Plain
from search_spaces.constraints import Constraint, ExpressionError, parse_constraint
from search_spaces.draft import Draft, shown
from search_spaces.model import (
    ALGORITHMS,
    FILE_FIELDS,
    SCHEDULES,
    Budget,
    Choice,
    Float,
    Int,
    Objective,
    Parameter,
    Resources,
    Search,
    joint_faults,
)
from search_spaces.row_checks import judge_rows
from search_spaces.rows import Published, Row
from search_spaces.tied import Tied

__all__ = ["parse_space"]

M = TypeVar("M", bound=BaseModel)

_TYPES: dict[str, type[Float | Int | Choice | Tied]] = {"float": Float, "int": Int, "choice": Choice, "tied": Tied}
_VALUE: TypeAdapter[Value] = TypeAdapter(Value)


def parse_space(source: Source, text: str, name: str) -> Draft:
    """Read a space. `name` is its name when the file gives none. Faults are in the draft, each with its place."""
    draft = Draft(source, text, name=name)
    raw = source.value
    if not isinstance(raw, dict):
        draft.report("wrong-type", "a space is a mapping with the key `parameters`", ())
        return draft
    for key in raw:
        if key not in FILE_FIELDS:
            hint = suggest(key, FILE_FIELDS) or f"a space has {', '.join(FILE_FIELDS)}"
            draft.report("unknown-key", f"{key} is not a field of a space", (key,), hint=hint, key=key)
    draft.name = _text(draft, raw, "name") or name
    draft.description = _text(draft, raw, "description")
    draft.recipe = _text(draft, raw, "recipe") or None
    draft.objective = _objective(draft, raw.get("objective"))
    draft.budget = _section(draft, _with_lowest(raw), "budget", Budget) or Budget()
    draft.rows = _entries(draft, raw, "rows", Row)
    draft.published = _entries(draft, raw, "published", Published)
    draft.search = _search(draft, raw)
    draft.resources = _section(draft, raw, "resources", Resources) or Resources()
    draft.fixed = _fixed(draft, raw.get("fixed"))
    draft.tied = _tied(draft, raw.get("tied"))
    draft.parameters = _parameters(draft, raw.get("parameters"))
    draft.constraints = _constraints(draft, raw.get("constraints"))
    _judge_names(draft)
    judge_rows(draft)
    _judge_parts(draft, raw.get("parameters"))
    return draft


def _text(draft: Draft, raw: dict[str, Plain], key: str) -> str:
    value = raw.get(key)
    if value is None or isinstance(value, str):
        return value or ""
    draft.report("wrong-type", f"{key} is a text, not {shown(value)}", (key,), key=key)
    return ""


def _objective(draft: Draft, raw: Plain) -> tuple[Objective, ...]:
    if raw is None:
        return (Objective(),)
    entries = raw if isinstance(raw, list) else [raw]
    paths: list[Path] = [("objective", i) for i in range(len(entries))] if isinstance(raw, list) else [("objective",)]
    found = [draft.model(entry, path, Objective) for entry, path in zip(entries, paths, strict=True)]
    if not entries:
        draft.report("empty-objective", "the list of objectives is empty", ("objective",), key="objective")
    sound = tuple(objective for objective in found if objective is not None)
    metrics = [objective.metric for objective in sound]
    for index, metric in enumerate(metrics):
        if metric in metrics[:index]:
            draft.report("duplicate-metric", f"{metric} is an objective twice", ("objective", index), key="objective")
    return sound or (Objective(),)


def _section(draft: Draft, raw: dict[str, Plain], key: str, kind: type[M]) -> M | None:
    return None if raw.get(key) is None else draft.model(raw[key], (key,), kind)


def _entries(draft: Draft, raw: dict[str, Plain], key: str, kind: type[M]) -> tuple[M, ...]:
    entries = raw.get(key)
    if entries is None:
        return ()
    if not isinstance(entries, list):
        draft.report("wrong-type", f"{key} is a list; it is {shown(entries)}", (key,), key=key)
        return ()
    found = [draft.model(entry, (key, index), kind) for index, entry in enumerate(entries)]
    return tuple(entry for entry in found if entry is not None)


def _search(draft: Draft, raw: dict[str, Plain]) -> Search:
    """How it is searched: rows leave no choice but grid, and need not say so."""
    search = _section(draft, raw, "search", Search) or Search()
    if not draft.rows:
        return search
    if "algorithm" in search.model_fields_set and search.algorithm != "grid":
        message = f"rows are trained as they stand: {search.algorithm} has nothing to search"
        draft.report("rows-need-grid", message, ("search", "algorithm"), hint="leave it out", key="search")
    return search.model_copy(update={"algorithm": "grid"})


def _with_lowest(raw: dict[str, Plain]) -> dict[str, Plain]:
    """Rows are trained in full: a lowest rung, which a file gives for searches only, may not stand in the way."""
    budget = raw.get("budget")
    return {**raw, "budget": {"min_epochs": 1, **budget}} if raw.get("rows") and isinstance(budget, dict) else raw


def _fixed(draft: Draft, raw: Plain) -> Values:
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        draft.report("wrong-type", f"fixed maps keys to values; it is {shown(raw)}", ("fixed",), key="fixed")
        return {}
    fixed: Values = {}
    for key, value in raw.items():
        try:
            fixed[key] = _VALUE.validate_python(value)
        except ValidationError:
            hint = f"write keys in full: {key}.{next(iter(value), '')}" if isinstance(value, dict) else ""
            draft.report("wrong-type", f"{key} is {shown(value)}", ("fixed", key), hint=hint, key=key)
    return fixed


def _parameters(draft: Draft, raw: Plain) -> dict[str, Parameter]:
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        message = f"parameters maps configuration keys to what they may be; it is {shown(raw)}"
        draft.report("wrong-type", message, ("parameters",), key="parameters")
        return {}
    parameters: dict[str, Parameter] = {}
    for key, value in raw.items():
        parameter = _parameter(draft, key, value)
        if isinstance(parameter, Tied):
            draft.tied[key] = parameter
        elif parameter is not None:
            parameters[key] = parameter
    return parameters


def _tied(draft: Draft, raw: Plain) -> dict[str, Tied]:
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        draft.report("wrong-type", f"tied maps keys to what they follow; it is {shown(raw)}", ("tied",), key="tied")
        return {}
    found = {key: draft.model(value, ("tied", key), Tied, key) for key, value in raw.items()}
    return {key: tied for key, tied in found.items() if tied is not None}


def _parameter(draft: Draft, key: str, raw: Plain) -> Parameter | Tied | None:
    path: Path = ("parameters", key)
    if not isinstance(raw, dict):
        message = f"{key} is {shown(raw)}, not a parameter"
        draft.report("wrong-type", message, path, hint="for example {type: float, low: 0.0, high: 1.0}", key=key)
        return None
    kind = raw.get("type")
    if kind is None:
        draft.report("missing-key", f"{key} has no type", path, hint="float, int, choice or tied", key=key)
        return None
    if not isinstance(kind, str) or kind not in _TYPES:
        hint = suggest(str(kind), _TYPES) or "there are float, int, choice and tied"
        draft.report("unknown-type", f"{shown(kind)} is not a type of parameter", (*path, "type"), hint=hint, key=key)
        return None
    return draft.model(raw, path, _TYPES[kind], key)


def _constraints(draft: Draft, raw: Plain) -> list[tuple[int, Constraint]]:
    if raw is None:
        return []
    if not isinstance(raw, list):
        draft.report("wrong-type", f"constraints is a list; it is {shown(raw)}", ("constraints",), key="constraints")
        return []
    found: list[tuple[int, Constraint]] = []
    for index, text in enumerate(raw):
        path: Path = ("constraints", index)
        if not isinstance(text, str):
            draft.report("wrong-type", f"a constraint is an expression, not {shown(text)}", path, key="constraints")
            continue
        try:
            found.append((index, parse_constraint(text)))
        except ExpressionError as error:
            draft.report_inside("bad-constraint", f"`{text}`: {error.message}", path, error.offset)
    return found


def _judge_names(draft: Draft) -> None:
    """Algorithms are known by name only here: code may bring others of its own."""
    if draft.search.algorithm not in ALGORITHMS:
        hint = suggest(draft.search.algorithm, ALGORITHMS) or f"there are {', '.join(ALGORITHMS)}"
        message = f"{draft.search.algorithm} is not a search algorithm"
        draft.report("unknown-algorithm", message, ("search", "algorithm"), hint=hint, key="search")
    schedule = draft.search.schedule
    if schedule and schedule not in SCHEDULES:
        hint = suggest(schedule, SCHEDULES) or f"there are {', '.join(SCHEDULES)}"
        draft.report(
            "unknown-schedule", f"{schedule} is not a schedule", ("search", "schedule"), hint=hint, key="search"
        )


def _judge_parts(draft: Draft, raw: Plain) -> None:
    faulty = isinstance(draft.source.value, dict) and bool(draft.source.value.get("rows"))
    for found in joint_faults(draft.fixed, draft.parameters, draft.rows, draft.tied):
        if found.type != "empty-space" or not (raw or faulty) or (draft.tied and not draft.findings):
            draft.report_fault(found)
