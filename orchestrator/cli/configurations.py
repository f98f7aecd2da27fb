"""Configurations that a person hands over as JSON: `--enqueue FILE`, or the JSON itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from orchestrator.service.enqueue import check_count
from reid_core.config import Values
from reid_core.errors import Finding, InvalidInput

__all__ = ["read_configurations"]

_VALUES: TypeAdapter[Values] = TypeAdapter(Values)
_OPTION = "--enqueue"
_EXAMPLE = 'write [{"SOLVER.BASE_LR": 0.001}], or {"values": {...}} entries as `trial show --json` prints them'


def read_configurations(text: str) -> dict[str, Any]:
    """The fields `enqueue` and `enqueue_file` of a request; none without a text.

    A list of objects of parameter values, or of {"values": ...}; one such object alone is a list of one. Raises
    InvalidInput with file, line and column of what is no JSON, the number of what is no configuration, or too many.
    """
    if not text.strip():
        return {}
    inline = text.lstrip()[0] in "[{"
    file = _OPTION if inline else text
    raw = _parsed(text if inline else _read(file), file)
    if isinstance(raw, dict):
        inside = raw.get("values")
        raw = inside if isinstance(inside, list) else [raw]
    if not isinstance(raw, list) or not raw:
        raise InvalidInput(Finding("wrong-type", "not a list of configurations", file, key="enqueue", hint=_EXAMPLE))
    check_count(len(raw), file)
    findings: list[Finding] = []
    made = [_configuration(number, entry, file, findings) for number, entry in enumerate(raw, start=1)]
    if findings:
        raise InvalidInput(findings)
    return {"enqueue": tuple(made), "enqueue_file": "" if inline else file}


def _read(file: str) -> str:
    try:
        return Path(file).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not a text file in UTF-8"
        message = f"{file} cannot be read: {why}"
        hint = "name a JSON file with a list of configurations"
        raise InvalidInput(Finding("unreadable", message, _OPTION, key="enqueue", hint=hint)) from error


def _parsed(text: str, file: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        line, col = (0, 0) if file == _OPTION else (error.lineno, error.colno)
        raise InvalidInput(Finding("syntax", f"not JSON: {error.msg}", file, line, col, key="enqueue")) from error


def _configuration(number: int, entry: object, file: str, findings: list[Finding]) -> Values:
    """The values of one entry; its faults are added to `findings`."""
    values = entry["values"] if isinstance(entry, dict) and isinstance(entry.get("values"), dict) else entry
    if not isinstance(values, dict):
        message = f"configuration {number} is {json.dumps(values)}, not an object"
        findings.append(Finding("wrong-type", message, file, key="enqueue", hint=_EXAMPLE))
        return {}
    sound: Values = {}
    for key, value in values.items():
        try:
            sound.update(_VALUES.validate_python({key: value}))
        except ValidationError:
            message = f"configuration {number}: {key} is {json.dumps(value)}, not a value"
            findings.append(Finding("wrong-type", message, file, key=key))
    return sound
