"""A space while it is read: its sound parts so far, and the faults of the others, each with its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from reid_core.config import Source, Values, suggest
from reid_core.config.source import Path, Plain
from reid_core.errors import Finding, SpaceError
from search_spaces.constraints import Constraint
from search_spaces.measures import Measures, any_measures
from search_spaces.model import Budget, Objective, Parameter, Resources, Search, Space
from search_spaces.rows import Published, Row
from search_spaces.tied import Tied

__all__ = ["Draft", "shown"]

M = TypeVar("M", bound=BaseModel)

_KINDS = {
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "float_type": "a number",
    "int_type": "a whole number",
    "list_type": "a list",
    "model_type": "a mapping",
    "string_type": "a text",
    "tuple_type": "a list",
}
"""What pydantic calls a wrong type, in words."""


@dataclass
class Draft:
    """The sound parts of a space so far, and the faults of the others. `space` builds the whole."""

    source: Source
    text: str
    findings: list[Finding] = field(default_factory=list)
    name: str = ""
    description: str = ""
    recipe: str | None = None
    objective: tuple[Objective, ...] = (Objective(),)
    budget: Budget = field(default_factory=Budget)
    search: Search = field(default_factory=Search)
    resources: Resources = field(default_factory=Resources)
    fixed: Values = field(default_factory=dict)
    parameters: dict[str, Parameter] = field(default_factory=dict)
    tied: dict[str, Tied] = field(default_factory=dict)
    rows: tuple[Row, ...] = ()
    published: tuple[Published, ...] = ()
    constraints: list[tuple[int, Constraint]] = field(default_factory=list)
    measures: Measures = field(default_factory=any_measures)

    def report(self, code: str, message: str, path: Path, *, hint: str = "", key: str = "") -> None:
        """Add a fault at the key of `path` in the file."""
        self.findings.append(self.source.finding(code, message, path, hint=hint, key=key))

    def report_inside(self, code: str, message: str, path: Path, offset: int, *, hint: str = "") -> None:
        """Add a fault at a character of the text value at `path`."""
        place = self.source.value_position(path)
        lines = self.text.splitlines()
        start = lines[place.line - 1][place.col - 1 : place.col] if place.line <= len(lines) else ""
        # A quoted text begins after its quote; a folded one (> or |) is shown by its beginning.
        shift = 0 if start in {">", "|"} else offset + (start in {"'", '"'})
        found = Finding(code, message, self.source.file, place.line, place.col + shift, hint=hint, key=str(path[0]))
        self.findings.append(found)

    def report_fault(self, found: PydanticCustomError) -> None:
        """Add a fault that the model found among several parts."""
        told = found.context or {}
        path: Path = told["field"]
        if path[0] == "tied":
            path = (*self.tied_path(str(path[1])), *path[2:])
        key = str(path[1] if len(path) > 1 else path[0])
        self.report(found.type, str(told["message"]), path, hint=str(told["hint"]), key=key)

    def tied_path(self, key: str) -> Path:
        """Where a tied key stands: among the parameters, or in a section of its own."""
        raw = self.source.value
        parameters = raw.get("parameters") if isinstance(raw, dict) else None
        return ("parameters" if isinstance(parameters, dict) and key in parameters else "tied", key)

    def model(self, raw: Plain, path: Path, kind: type[M], key: str = "") -> M | None:
        """Validate one part; its faults are added, one a place, and it is None."""
        try:
            return kind.model_validate(raw)
        except ValidationError as error:
            places: dict[tuple[int, int], list[ErrorDetails]] = {}
            for detail in error.errors():
                at = self.source.position((*path, *detail["loc"]))
                places.setdefault((at.line, at.col), []).append(detail)
            # One value may miss several alternatives, as `auto` or a number: that is one fault.
            for details in places.values():
                self.findings.append(_finding(self.source, details, path, kind, key or str(path[0])))
            return None

    def refuse(self) -> None:
        """Raise SpaceError when there are faults, in the order of the file; those of options come last."""
        if self.findings:
            different = dict.fromkeys(self.findings)
            raise SpaceError(sorted(different, key=lambda found: (not found.line, found.line, found.col)))

    def space(self) -> Space:
        """Build the space; only for a draft without faults."""
        return Space(
            name=self.name,
            description=self.description,
            recipe=self.recipe,
            objective=self.objective,
            budget=self.budget,
            search=self.search,
            resources=self.resources,
            fixed=self.fixed,
            parameters=self.parameters,
            tied=self.tied,
            rows=self.rows,
            published=self.published,
            constraints=tuple(constraint.text for _, constraint in self.constraints),
            measures=self.measures,
        )


def shown(value: Plain) -> str:
    """Show a value in a message, cut where it is long."""
    if value is None:
        return "empty"
    try:
        text = repr(value)
    except ValueError:  # Python writes no integer of so many digits
        return "a number of thousands of digits"
    return text if len(text) <= 60 else f"{text[:57]}..."


def _finding(source: Source, details: list[ErrorDetails], path: Path, kind: type[BaseModel], key: str) -> Finding:
    """Tell what pydantic found at one place in our words."""
    detail = details[0]
    told: Mapping[str, object] = detail.get("ctx", {})
    field_name = str(next((part for part in detail["loc"] if part in kind.model_fields), (*path, *detail["loc"])[-1]))
    place = (*path, *detail["loc"])
    match detail["type"]:
        case "extra_forbidden":
            hint = suggest(field_name, kind.model_fields) or f"there are {', '.join(kind.model_fields)}"
            return source.finding("unknown-key", f"{field_name} is not known here", place, hint=hint, key=key)
        case "missing":
            return source.finding("missing-key", f"{key} has no {field_name}", path, key=key)
        case code if "-" in code:
            below = told["field"]
            place = (*path, *below) if isinstance(below, tuple) else path
            return source.finding(code, f"{key}: {detail['msg']}", place, hint=str(told["hint"]), key=key)
        case "enum" | "literal_error":
            code = "unknown-value"
        case "greater_than_equal" | "greater_than" | "less_than_equal" | "less_than" | "finite_number":
            code = "out-of-range"
        case _:
            code = "wrong-type"
    words = list(dict.fromkeys(_expected(one) for one in details))
    expected = " or ".join(words) if len(words) <= 3 else "a value, or a list of values"
    return source.finding(code, f"{field_name} is {shown(detail['input'])}; it should be {expected}", place, key=key)


def _expected(detail: ErrorDetails) -> str:
    return _KINDS.get(detail["type"]) or detail["msg"].removeprefix("Input should be ")
