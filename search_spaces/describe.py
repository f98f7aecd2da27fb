"""A space told to people: rows for a table, YAML that reads back the same, and what differs between two."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from reid_core.config import describe, keys, read_yaml
from reid_core.errors import ConfigError, SpaceError
from search_spaces.conditions import allowed
from search_spaces.encoding import complete
from search_spaces.load import LoadedSpace
from search_spaces.model import FILE_FIELDS, Choice, Float, Int, Parameter, Space
from search_spaces.tied import words

__all__ = ["ParameterRow", "diff", "plain", "rows", "settings", "tied_rows", "to_yaml", "yaml_of"]


@dataclass(frozen=True, slots=True)
class ParameterRow:
    """One parameter in words. `default` is empty where there is none; `condition` where it is always active."""

    name: str
    type: str
    range: str
    scale: str
    default: str
    condition: str
    help: str


def rows(loaded: LoadedSpace) -> list[ParameterRow]:
    """Describe each parameter, in the order of the space. Help that a space does not give is the schema's."""
    defaults = loaded.defaults
    known = set(keys())
    return [
        ParameterRow(
            name=name,
            type=parameter.type,
            range=_range(parameter),
            scale=_scale(parameter),
            default=_text(defaults[name]) if name in defaults else "",
            condition=_condition(parameter),
            help=parameter.help or (describe(name).help if name in known else ""),
        )
        for name, parameter in loaded.space.parameters.items()
    ]


def tied_rows(loaded: LoadedSpace) -> list[ParameterRow]:
    """Describe each tied key: what it follows, and its value in the default configuration."""
    known = set(keys())
    try:
        found = complete(loaded.base, loaded.defaults, loaded.space.tied)
    except SpaceError:  # without a recipe, what they follow may have no default
        found = {}
    return [
        ParameterRow(
            name=name,
            type=rule.type,
            range=words(rule),
            scale="tied",
            default=_text(found[name]) if name in found else "",
            condition="",
            help=rule.help or (describe(name).help if name in known else ""),
        )
        for name, rule in loaded.space.tied.items()
    ]


def settings(loaded: LoadedSpace) -> list[tuple[str, str]]:
    """Name each row of a space with rows, and list what it sets."""
    return [
        (row.name, ", ".join(f"{key} {_text(value)}" for key, value in row.set.items())) for row in loaded.space.rows
    ]


def to_yaml(space: Space) -> str:
    """Write a space as YAML; read back without options, it is the same space."""
    return yaml_of(plain(space))


def plain(space: Space) -> dict[str, Any]:
    """A space as its file says it, by field; what is as usual is left out."""
    told = space.model_dump(mode="json", exclude_defaults=True, exclude={"measures"})
    told["parameters"] = {
        name: {"type": parameter.type, **parameter.model_dump(mode="json", exclude_defaults=True)}
        for name, parameter in space.parameters.items()
    }
    if not space.parameters:
        del told["parameters"]
    if space.tied:
        told["tied"] = {name: rule.model_dump(mode="json", exclude_defaults=True) for name, rule in space.tied.items()}
    if len(space.objective) == 1:
        told["objective"] = space.objective[0].model_dump(mode="json")
    return told


def yaml_of(told: Mapping[str, Any]) -> str:
    """Fields of a space as YAML, in the usual order; they need not make a sound space."""
    ordered = {name: told[name] for name in FILE_FIELDS if name in told}
    return yaml.dump(ordered, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


def diff(before: Space, after: Space) -> list[str]:
    """Say how two spaces differ, one line a field: `parameters.SOLVER.BASE_LR.high: 0.01 -> 0.1`. Empty when equal.

    The order of parameters counts, because it is the order of the coordinates; name and description do not.
    """
    left, right = dict(_leaves(before)), dict(_leaves(after))
    lines: list[str] = []
    for key in [*left, *(key for key in right if key not in left)]:
        if key not in right:
            lines.append(f"{key}: {left[key]} -> removed")
        elif key not in left:
            lines.append(f"{key}: added {right[key]}")
        elif left[key] != right[key]:
            lines.append(f"{key}: {left[key]} -> {right[key]}")
    if not lines and list(before.parameters) != list(after.parameters):
        lines.append("parameters: in another order")
    if not lines and [row.name for row in before.rows] != [row.name for row in after.rows]:
        lines.append("rows: in another order")
    return lines


class _Dumper(yaml.SafeDumper):
    """Writes lists of scalars in a line, and real numbers so that they read back as such."""


def _represent_list(dumper: yaml.SafeDumper, value: list[object]) -> yaml.Node:
    flow = all(not isinstance(item, dict | list) for item in value) and not any(
        isinstance(item, str) and len(item) > 30 for item in value
    )
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=flow)


def _represent_float(dumper: yaml.SafeDumper, value: float) -> yaml.Node:
    mantissa, _, exponent = repr(value).partition("e")
    point = "" if "." in mantissa else ".0"
    text = f"{mantissa}{point}e{exponent}" if exponent else mantissa
    return dumper.represent_scalar("tag:yaml.org,2002:float", text)


def _represent_text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    """Quote what our reader, unlike PyYAML, would take for something else than text: 1e5, (a, b)."""
    try:
        plain = read_yaml(value, "").value == value
    except ConfigError:
        plain = True  # PyYAML quotes what is not a plain scalar
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=None if plain else "'")


_Dumper.add_representer(str, _represent_text)
_Dumper.add_representer(list, _represent_list)
_Dumper.add_representer(float, _represent_float)


def _leaves(space: Space) -> Iterator[tuple[str, str]]:
    told_below = {"name", "description", "parameters", "tied", "fixed", "rows", "published", "measures"}
    plain = space.model_dump(mode="json", exclude=told_below)
    for section, value in plain.items():
        if isinstance(value, dict):
            yield from ((f"{section}.{field}", str(item)) for field, item in value.items())
        else:
            yield section, str(value)
    yield from ((f"fixed.{key}", str(value)) for key, value in space.fixed.items())
    for row in space.rows:
        yield f"rows.{row.name}", f"adds to {row.adds_to or 'the row above'}"
        yield from ((f"rows.{row.name}.{key}", str(value)) for key, value in row.set.items())
    for name, parameter in space.parameters.items():
        for field, item in parameter.model_dump(mode="json", exclude={"help"}).items():
            yield f"parameters.{name}.{field}", str(item)
    yield from ((f"tied.{name}", words(rule)) for name, rule in space.tied.items())


def _range(parameter: Parameter) -> str:
    match parameter:
        case Choice(values=values):
            return ", ".join(_text(value) for value in values)
        case Float(grid=grid) | Int(grid=grid) if grid:
            tried = ", ".join(_text(value) for value in grid)
            return f"{_text(parameter.low)} to {_text(parameter.high)}, grid {tried}"
        case Int(low=low, high=high, step=step) if step > 1:
            return f"{low} to {high} by {step}"
        case Float(low=low, high=high, step=float(step)):
            return f"{_text(low)} to {_text(high)} by {_text(step)}"
        case Int(low=low, high=high) | Float(low=low, high=high):
            return f"{_text(low)} to {_text(high)}"


def _scale(parameter: Parameter) -> str:
    if isinstance(parameter, Choice):
        return "ordered" if parameter.ordered else ""
    return "log" if parameter.log else "linear"


def _condition(parameter: Parameter) -> str:
    return " and ".join(
        f"{key} = {' or '.join(_text(value) for value in allowed(wanted))}" for key, wanted in parameter.when.items()
    )


def _text(value: object) -> str:
    """Show a value as YAML would."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list):
        return f"[{', '.join(_text(item) for item in value)}]"
    return f"{value:g}" if isinstance(value, float) else str(value)
