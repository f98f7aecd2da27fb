"""The launch form: its fields from a space's schema, a StudyRequest from what was typed, faults beside their field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

import yaml
from fastapi import Request
from pydantic import ValidationError

from dashboards.errors import FindingView, validation_error
from dashboards.formats import value
from orchestrator.service.views import SpaceView, StudyRequest
from search_spaces.model import Choice, Float, Int

__all__ = ["Filled", "ParameterField", "errors_by_field", "fill", "parameter_fields", "posted"]

_PREFIX = "param:"
_NUMBERS = (
    "trials",
    "max_epochs",
    "min_epochs",
    "workers",
    "epochs",
    "gpu_hours",
    "confirm",
    "max_slots",
    "priority",
    "weight",
)
_TEXTS = ("name", "data", "algorithm", "schedule", "backend", "wall_time", "target")


@dataclass(frozen=True, slots=True)
class ParameterField:
    """One parameter of the space: its range as one line of YAML, and its help."""

    key: str
    text: str
    help: str
    active: str

    @property
    def field(self) -> str:
        """The name of the input."""
        return _PREFIX + self.key


@dataclass(frozen=True, slots=True)
class Filled:
    """What was typed: the request it makes (None when it makes none) and the faults found on the way."""

    values: Mapping[str, str]
    request: StudyRequest | None
    findings: tuple[FindingView, ...] = ()
    edited: frozenset[str] = field(default_factory=frozenset)


async def posted(request: Request) -> dict[str, str]:
    """The urlencoded body; the last of equal names wins."""
    body = (await request.body()).decode("utf-8", "replace")
    return {name: text.replace("\r\n", "\n") for name, text in parse_qsl(body, keep_blank_values=True)}


def _one_line(parameter: Float | Int | Choice) -> str:
    shown = parameter.model_dump(mode="json", exclude_defaults=True, exclude={"help", "type", "when"})
    shown = {"type": parameter.type, **shown, **({"when": parameter.when} if parameter.when else {})}
    return yaml.safe_dump(shown, default_flow_style=True, sort_keys=False, width=10_000).strip()


def parameter_fields(space: SpaceView) -> list[ParameterField]:
    """A field for each parameter, in the order of the space's file."""
    return [
        ParameterField(
            key=key,
            text=_one_line(parameter),
            help=parameter.help,
            active=", ".join(f"{other} is {value(needed)}" for other, needed in parameter.when.items()),
        )
        for key, parameter in space.space.parameters.items()
    ]


def fill(space: SpaceView, values: Mapping[str, str]) -> Filled:
    """The request that the form's values make. An untouched space keeps its name, an edited one becomes YAML text."""
    findings: list[FindingView] = []
    given: dict[str, object] = {name: values[name].strip() for name in _TEXTS if values.get(name, "").strip()}
    for name in (*_NUMBERS, "seed"):
        text = values.get(name, "").strip()
        if text:
            given[name] = text
    teachers = [one.strip() for one in values.get("teacher", "").split(",") if one.strip()]
    if teachers:
        given["teacher"] = teachers
    given["set"] = _settings(values.get("set", ""), findings)
    fields = parameter_fields(space)
    edited = frozenset(item.key for item in fields if values.get(item.field, item.text).strip() != item.text)
    findings.extend(
        FindingView(code="one-line", message="one line, please", key=item.key)
        for item in fields
        if "\n" in values.get(item.field, "").strip()
    )
    given["space"] = _compose(space, fields, values) if edited else space.name
    request = None
    if not findings:
        try:
            request = StudyRequest.model_validate(given)
        except ValidationError as error:
            findings.extend(validation_error(error.errors()).findings)
    return Filled(values=values, request=request, findings=tuple(findings), edited=edited)


def _settings(text: str, findings: list[FindingView]) -> object:
    """`KEY: value` lines as a mapping."""
    try:
        settings = yaml.safe_load(text) if text.strip() else {}
    except yaml.YAMLError as error:
        findings.append(FindingView(code="yaml", message=str(error).replace("\n", " "), key="set"))
        return {}
    if not isinstance(settings, dict):
        findings.append(
            FindingView(
                code="yaml", message="not KEY: value lines", key="set", hint="for example SOLVER.IMS_PER_BATCH: 64"
            )
        )
        return {}
    return {str(key): setting for key, setting in settings.items()}


def _compose(space: SpaceView, fields: list[ParameterField], values: Mapping[str, str]) -> str:
    """The space's YAML with the edited ranges in it."""
    head = space.space.model_dump(mode="json", exclude_defaults=True, exclude={"parameters", "constraints", "measures"})
    head["objective"] = [one.model_dump(mode="json") for one in space.space.objective]
    text = yaml.safe_dump(head, sort_keys=False, width=10_000) + "parameters:\n"
    text += "".join(f"  {item.key}: {values.get(item.field, item.text).strip() or 'null'}\n" for item in fields)
    if space.space.constraints:
        text += yaml.safe_dump({"constraints": list(space.space.constraints)}, width=10_000)
    return text


def errors_by_field(findings: tuple[FindingView, ...], space: SpaceView) -> dict[str, list[FindingView]]:
    """Each fault at the input it belongs to; the key '' holds those that belong to none."""
    placed: dict[str, list[FindingView]] = {}
    for finding in findings:
        placed.setdefault(_field_of(finding, space), []).append(finding)
    return placed


def _field_of(finding: FindingView, space: SpaceView) -> str:
    option, _, _ = finding.file.partition(" ")  # `--set SOLVER.BASE_LR` belongs to the settings, not to the parameter
    for name in (option.removeprefix("--").replace("-", "_"), finding.key.partition(".")[0]):
        if name in {*_NUMBERS, *_TEXTS, "teacher", "seed", "set"}:
            return name
    for key in space.space.parameters:
        if finding.key in {key, f"parameters.{key}"} or finding.key.startswith(f"parameters.{key}."):
            return _PREFIX + key
    return ""
