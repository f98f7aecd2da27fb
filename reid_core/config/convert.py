"""Flat values to the typed tree and back. Every fault is found in one go, and no key is ever dropped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, cast

from pydantic import ValidationError

from reid_core.config.fastreid_distillers import as_distillation
from reid_core.config.keys import KeyInfo, flatten, key_table, nest
from reid_core.config.rules import Fault, check
from reid_core.config.schema import Config
from reid_core.config.source import suggest
from reid_core.config.values import Value, Values
from reid_core.errors import ConfigError, Finding

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

__all__ = ["from_values", "to_values", "tree_of", "typed", "unknown_key"]

_TYPE_WORDS = {"bool": "true or false", "int": "a whole number", "float": "a number", "str": "text"}


def from_values(values: Mapping[str, Value]) -> Config:
    """Build the typed tree; keys that are absent take their default.

    Raises ConfigError with one Finding a fault (`key` set, no place): unknown-key, wrong-type, out-of-range,
    unknown-value, unsupported, impossible.
    """
    config, faults = _tree(values)
    broken = {fault.keys[0] for fault in faults}
    faults += [fault for fault in check(config, to_values(config)) if broken.isdisjoint(fault.keys)]
    if faults:
        raise _error(faults)
    return config


def tree_of(values: Mapping[str, Value]) -> Config:
    """Build the typed tree without looking at rules over several keys. Raises ConfigError on keys, types, ranges."""
    config, faults = _tree(values)
    if faults:
        raise _error(faults)
    return config


def to_values(config: Config) -> Values:
    """Every key with its value, sorted by key: `from_values(to_values(config)) == config`."""
    return dict(sorted(flatten(config)))


def typed(values: Mapping[str, object]) -> tuple[Values, list[Fault]]:
    """Check known keys one by one: those of the right type and range, as the schema stores them, and the faults.

    What FastReID's distillers stand for is among them, under its own keys.
    """
    values = as_distillation(values)
    try:
        config = Config.model_validate(nest(cast("Values", dict(values))))
    except ValidationError as error:
        faults = list(_faults(error, values))
        rest = {key: value for key, value in values.items() if key not in {fault.keys[0] for fault in faults}}
        return typed(rest)[0], faults
    every = to_values(config)
    return {key: every[key] for key in values}, []


def _tree(values: Mapping[str, Value]) -> tuple[Config, list[Fault]]:
    known = {key: value for key, value in values.items() if key in key_table()}
    unknown = [unknown_key(key) for key in values if key not in known]
    clean, wrong = typed(known)
    return Config.model_validate(nest(clean)), unknown + wrong


def _error(faults: list[Fault]) -> ConfigError:
    return ConfigError([Finding(f.code, f.message, hint=f.hint, key=f.keys[0]) for f in faults])


def unknown_key(key: str) -> Fault:
    """Say that there is no such key, and which one may be meant."""
    return Fault((key,), "unknown-key", f"{key} is not a key", suggest(key, key_table()))


def _faults(error: ValidationError, values: Mapping[str, object]) -> Iterator[Fault]:
    seen: set[tuple[str, int | None]] = set()
    for detail in error.errors(include_url=False, include_input=False):
        key = ".".join(part for part in detail["loc"] if isinstance(part, str))
        items = [part for part in detail["loc"] if isinstance(part, int)]
        item = items[0] if items and detail["type"] != "missing" else None
        if (key, item) not in seen:
            seen.add((key, item))
            value = values[key] if item is None else cast("Sequence[object]", values[key])[item]
            yield _fault(key_table()[key], value, item, detail)


def _fault(info: KeyInfo, value: object, item: int | None, detail: ErrorDetails) -> Fault:
    kind, context = detail["type"], detail.get("ctx", {})
    name = info.key if item is None else f"{info.key}[{item}]"
    if kind in {"too_long", "too_short", "missing"}:
        count = len(cast("list[object]", value)) if isinstance(value, list) else 0
        wanted = str(info.length) if info.length else f"{context.get('min_length', context.get('max_length', ''))} or "
        wanted = wanted if info.length else wanted + ("more" if kind == "too_short" else "fewer")
        return Fault((info.key,), "wrong-type", f"{info.key} takes {wanted} values, not {count}", item=item)
    if kind == "finite_number" or kind.startswith(("greater_than", "less_than")):
        return Fault((info.key,), "out-of-range", f"{name} is {_show(value)}; it must be {_range(info)}", item=item)
    if kind in {"string_pattern_mismatch", "string_too_short"}:
        message = f"{info.key}: {_show(value)} is not possible"
        return Fault((info.key,), "unknown-value", message, info.help, item=item)
    what = info.type if item is None else info.type[5:-1]
    message = f"{name} takes {_type_words(what)}, not {_show(value)}"
    return Fault((info.key,), "wrong-type", message, _type_hint(what, value), item=item)


def _type_words(what: str) -> str:
    if what.startswith("list["):
        return f"a list, each item {_TYPE_WORDS[what[5:-1]]}"
    return _TYPE_WORDS[what]


def _type_hint(what: str, value: object) -> str:
    if what == "str" and isinstance(value, bool | int | float):
        return "put it between quotes"
    if what == "int" and isinstance(value, float) and value.is_integer():
        return f"write {int(value)}"
    if isinstance(value, str) and what in {"bool", "int", "float"}:
        if what == "bool":
            return "write true or false without quotes"
        return "write it without quotes" if value.replace(".", "", 1).isdigit() else ""
    if what.startswith("list[") and not isinstance(value, list | dict):
        return f"write [{value}]" if isinstance(value, str) else f"write [{_show(value)}]"
    return ""


def _range(info: KeyInfo) -> str:
    low = "" if info.low is None else f"{'above' if info.open_low else 'at least'} {info.low:g}"
    high = "" if info.high is None else f"{'below' if info.open_high else 'at most'} {info.high:g}"
    return " and ".join(bound for bound in (low, high) if bound) or "finite"


def _show(value: object) -> str:
    if isinstance(value, str):
        return f"the text {value!r}"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    return "a section" if isinstance(value, dict) else str(value)
