"""The launch form: a StudyRequest from what was typed, what is typed from a StudyRequest, faults beside their field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import yaml
from fastapi import Request
from pydantic import ValidationError

from dashboards.errors import FindingView, validation_error
from dashboards.launch_fields import ParameterField, groups, parameter_fields
from dashboards.typed import listed, number_or_text, pairs, records, setting, settings
from orchestrator.service.views import SpaceView, StudyRequest
from search_spaces.describe import plain, yaml_of

__all__ = ["Filled", "errors_by_field", "fill", "posted", "values_of", "varies"]

_OWN_WAY = {"space", "set", "enqueue", "enqueue_file", "teacher", "warm_start"}
_REQUEST = tuple(name for name in StudyRequest.model_fields if name not in _OWN_WAY)
_PART_OF = {
    "low-not-below-high": "low",
    "log-needs-positive": "low",
    "step-with-log": "step",
    "choice-too-short": "values",
    "choice-duplicate": "values",
    "prior-outside-bounds": "prior",
}
_SEVERAL = ("teacher", "warm_start")
_RESOURCES = ("cpus", "gpus", "memory_gb", "nodes")
_PARTS = ("low", "high", "log", "step", "prior", "values", "vary", "fix")


@dataclass(frozen=True, slots=True)
class Filled:
    """What was typed: the request it makes (None when it makes none), and the faults found on the way."""

    values: Mapping[str, str]
    request: StudyRequest | None
    findings: tuple[FindingView, ...] = ()
    edited: bool = False


async def posted(request: Request) -> dict[str, str]:
    """The urlencoded body; the last of equal names wins."""
    body = (await request.body()).decode("utf-8", "replace")
    return {name: text.replace("\r\n", "\n") for name, text in parse_qsl(body, keep_blank_values=True)}


def varies(values: Mapping[str, str], key: str) -> bool:
    """Whether a parameter varies: its box is ticked, or nothing of it was sent."""
    sent = any(f"{part}:{key}" in values for part in _PARTS)
    return not sent or f"vary:{key}" in values or f"fix:{key}" not in values


def fill(space: SpaceView, values: Mapping[str, str], *, named: bool = True) -> Filled:
    """The request that the form's values make.

    An untouched space keeps its name where it is the catalog's (`named`); an edited one becomes YAML text.
    """
    findings: list[FindingView] = []
    given: dict[str, Any] = {name: values[name].strip() for name in _REQUEST if values.get(name, "").strip()}
    for name in _SEVERAL:
        several = [one.strip() for one in values.get(name, "").split(",") if one.strip()]
        given |= {name: several} if several else {}
    given["set"] = settings(values.get("set", ""), "set", findings)
    enqueued = records(values.get("enqueue", ""), "enqueue", findings)
    given |= {"enqueue": enqueued} if enqueued else {}
    usual = plain(space.space)
    told = _edited(space, values, findings)
    edited = told != usual
    given["space"] = space.name if named and not edited else yaml_of(told)
    request = None
    if not findings:
        try:
            request = StudyRequest.model_validate(given)
        except ValidationError as error:
            findings.extend(validation_error(error.errors()).findings)
    return Filled(values=values, request=request, findings=tuple(findings), edited=edited or not named)


def _edited(space: SpaceView, values: Mapping[str, str], findings: list[FindingView]) -> dict[str, Any]:
    """The space with what was typed into it; it need not be sound."""
    told = plain(space.space)
    eta = values.get("eta", "").strip()
    if eta and eta != str(space.space.budget.eta):
        told["budget"] = {**told.get("budget", {}), "eta": number_or_text(eta)}
    resources = {name: number_or_text(text) for name in _RESOURCES if (text := values.get(name, "").strip())}
    labels = pairs(values.get("labels", ""), "labels", findings)
    if labels:
        resources["labels"] = dict(labels)
    own = space.space.resources
    resources = {name: one for name, one in resources.items() if one != getattr(own, name)}
    if resources:
        told["resources"] = {**told.get("resources", {}), **resources}
    if not space.space.parameters:
        return told
    fixed = dict(told.get("fixed", {}))
    kept: dict[str, Any] = {}
    for item in parameter_fields(space):
        if varies(values, item.key):
            kept[item.key] = _parameter(item, told["parameters"][item.key], values)
        else:
            text = values.get(item.name("fix"), "").strip()
            fixed[item.key] = setting(text) if text else space.defaults.get(item.key)
    if len(kept) < len(told["parameters"]):
        told["fixed"] = fixed
    told["parameters"] = kept
    return told


def _parameter(item: ParameterField, usual: dict[str, Any], values: Mapping[str, str]) -> dict[str, Any]:
    """One parameter with what was typed; what is as it was keeps its exact value."""
    made = dict(usual)
    for part, before in item.texts.items():
        text = values.get(item.name(part), before).strip()
        if text == before:
            continue
        if not text:
            made.pop(part, None)
        elif part == "values":
            made[part] = listed(text)
        elif item.kind == "choice":
            made[part] = setting(text)
        else:
            made[part] = _number(text, whole=item.kind == "int")
    if item.log is not None and item.name("low") in values:
        log = item.name("log") in values
        if log != item.log:
            made["log"] = log
    return made


def _number(text: str, *, whole: bool) -> object:
    found = number_or_text(text)
    return float(found) if isinstance(found, int) and not whole else found


def values_of(request: StudyRequest) -> dict[str, str]:
    """What the form of its space holds for a request: filled in, it makes the same one."""
    told = request.model_dump(mode="json", exclude_defaults=True)
    values = {name: str(told[name]) for name in _REQUEST if name in told}
    values |= {name: ", ".join(told[name]) for name in _SEVERAL if name in told}
    if request.set:
        values["set"] = yaml.safe_dump(dict(request.set), sort_keys=False, width=10_000).strip()
    if request.enqueue:
        dumped = (yaml.safe_dump(dict(one), default_flow_style=True, width=10_000).strip() for one in request.enqueue)
        values["enqueue"] = "\n".join(dumped)
    return values


def errors_by_field(findings: tuple[FindingView, ...], space: SpaceView) -> dict[str, list[FindingView]]:
    """Each fault at the input it belongs to; the key '' holds those that belong to none."""
    placed: dict[str, list[FindingView]] = {}
    for finding in findings:
        placed.setdefault(_field_of(finding, space), []).append(finding)
    return placed


def _field_of(finding: FindingView, space: SpaceView) -> str:
    option, _, _ = finding.file.partition(" ")  # `--set SOLVER.BASE_LR` belongs to the settings, not to the parameter
    known = {one.name for _, fields in groups(space.space) for one in fields}
    for name in (option.removeprefix("--").replace("-", "_"), finding.key.partition(".")[0]):
        if name in known:
            return name
    section, _, rest = finding.key.partition(".")
    if section in {"budget", "resources", "search"} and rest.partition(".")[0] in known:
        return rest.partition(".")[0]
    for key in sorted(space.space.parameters, key=len, reverse=True):
        for place in (f"parameters.{key}", key, f"fixed.{key}"):
            if finding.key == place:
                return f"{_part_of(finding.code, space, key)}:{key}"
            if finding.key.startswith(f"{place}."):
                part = finding.key.removeprefix(f"{place}.").partition(".")[0]
                return f"{part}:{key}" if part in _PARTS else f"vary:{key}"
    return ""


def _part_of(code: str, space: SpaceView, key: str) -> str:
    """The part of a parameter that a kind of fault is about; its box for one about all of it."""
    kind = space.space.parameters[key].type
    found = _PART_OF.get(code, "vary")
    return found if found == "prior" or (kind == "choice") == (found == "values") else "vary"
