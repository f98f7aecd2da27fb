"""What people type into the launch form, as the values of a space and a request."""

from __future__ import annotations

from collections.abc import Mapping

import yaml

from dashboards.errors import FindingView

__all__ = ["listed", "number_or_text", "pairs", "records", "setting", "settings"]


def number_or_text(text: str) -> object:
    """A number where it is one, else the text, which the service refuses with its reason."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def setting(text: str) -> object:
    """One value as YAML writes it; 1e-4 is a number."""
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError:
        return text
    return _numbers(found)


def listed(text: str) -> object:
    """Values with commas as a list; the text where they are none."""
    inner = text.strip()
    try:
        found = yaml.safe_load(f"[{inner}]")
    except yaml.YAMLError:
        return text
    return _numbers(found)


def _numbers(found: object) -> object:
    """1e-4 is text to PyYAML and a number to people."""
    match found:
        case str():
            made = number_or_text(found)
            return made if "e" in found.lower() else found
        case list():
            return [_numbers(one) for one in found]
        case _:
            return found


def settings(text: str, key: str, findings: list[FindingView]) -> dict[str, object]:
    """`KEY: value` lines as a mapping."""
    try:
        found = yaml.safe_load(text) if text.strip() else {}
    except yaml.YAMLError as error:
        findings.append(FindingView(code="yaml", message=str(error).replace("\n", " "), key=key))
        return {}
    if not isinstance(found, dict):
        hint = "for example SOLVER.IMS_PER_BATCH: 64"
        findings.append(FindingView(code="yaml", message="not KEY: value lines", key=key, hint=hint))
        return {}
    return {str(name): _numbers(one) for name, one in found.items()}


def records(text: str, key: str, findings: list[FindingView]) -> list[dict[str, object]]:
    """A mapping a line, as `{KEY: value, KEY: value}`."""
    found = []
    for number, line in enumerate((each.strip().removeprefix("- ") for each in text.splitlines()), start=1):
        faults: list[FindingView] = []
        if line:
            one = settings(line, key, faults)
            found += [one] if not faults else []
            findings.extend(fault.model_copy(update={"message": f"line {number}: {fault.message}"}) for fault in faults)
    return found


def pairs(text: str, key: str, findings: list[FindingView]) -> Mapping[str, str]:
    """KEY=VALUE words with commas."""
    found: dict[str, str] = {}
    for word in (each.strip() for each in text.split(",")):
        name, equals, told = word.partition("=")
        if word and (not equals or not name.strip()):
            hint = "for example zone=a, disk=fast"
            findings.append(FindingView(code="labels", message=f"{word!r} is not KEY=VALUE", key=key, hint=hint))
        elif word:
            found[name.strip()] = told.strip()
    return found
