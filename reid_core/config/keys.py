"""The keys of the schema as a flat table: `SOLVER.BASE_LR` and what is known about it, and trees to flat and back."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TypeAlias, cast, get_args, get_origin

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from reid_core.config.availability import CHOICES, Choices
from reid_core.config.schema import Config
from reid_core.config.schema.section import key_part
from reid_core.config.values import Scalar, Value, Values

__all__ = ["KeyInfo", "Nested", "describe", "flatten", "json_schema", "key_table", "keys", "nest", "sections"]

Nested: TypeAlias = "dict[str, Value | Nested]"
"""A tree of sections with FastReID's upper-case names."""


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """What the schema knows about one key.

    `type` is bool, int, float, str, or list[one of these]; `low` and `high` bound the number (or each item of the
    list), themselves excluded where `open_low` / `open_high` is set. `choices` are the values that can be chosen
    today (of each item, for a list); empty where any text will do. `form` shows how further values are spelled that
    can be chosen beside them. `length` is the number of items, 0 for any.
    """

    key: str
    type: str
    default: Value
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    help: str
    open_low: bool = False
    open_high: bool = False
    length: int = 0
    form: str = ""

    def allows(self, item: Scalar) -> bool:
        """Whether `item` is one of the values, or of their form, where these are limited."""
        return not self.choices or CHOICES[self.key].allow(str(item))


def keys() -> list[str]:
    """Every configuration key, sorted."""
    return list(key_table())


def describe(key: str) -> KeyInfo:
    """Look one key up. Raises KeyError when there is none: ask `keys()` or `suggest` first."""
    info = key_table()[key]
    return replace(info, default=list(info.default)) if isinstance(info.default, list) else info


@functools.cache
def key_table() -> Mapping[str, KeyInfo]:
    """All keys, sorted by name."""
    return MappingProxyType({info.key: info for info in sorted(_walk(Config(), ""), key=lambda info: info.key)})


@functools.cache
def sections() -> frozenset[str]:
    """Every dotted name that holds keys, as SOLVER.AMP."""
    return frozenset(key[:end] for key in key_table() for end in range(len(key)) if key[end] == ".")


def flatten(config: BaseModel, prefix: str = "") -> Iterator[tuple[str, Value]]:
    """Every key of a tree of sections with its value; tuples become lists."""
    for name in type(config).model_fields:
        value = getattr(config, name)
        key = prefix + key_part(name)
        if isinstance(value, BaseModel):
            yield from flatten(value, f"{key}.")
        else:
            yield key, list(value) if isinstance(value, tuple) else cast("Scalar", value)


def nest(values: Values) -> Nested:
    """Flat keys to a tree of sections."""
    tree: Nested = {}
    for key, value in values.items():
        *parents, name = key.split(".")
        section = tree
        for parent in parents:
            section = cast("Nested", section.setdefault(parent, {}))
        section[name] = value
    return tree


def json_schema() -> dict[str, object]:
    """JSON Schema (2020-12) of a configuration file, with the values that can be chosen today."""
    schema = Config.model_json_schema(by_alias=True)
    for key, choices in sorted(CHOICES.items()):
        target = _property(schema, key)
        item = cast("dict[str, object]", target.get("items", target))
        if choices.pattern:
            item["anyOf"] = [{"enum": list(choices.available)}, {"pattern": choices.pattern}]
        else:
            item["enum"] = list(choices.available)
    return schema


def _property(schema: dict[str, object], key: str) -> dict[str, object]:
    """The property of `key` in a JSON Schema whose sections are `$defs`."""
    definitions = cast("dict[str, dict[str, object]]", schema["$defs"])
    node = schema
    for part in key.split("."):
        if "$ref" in node:
            node = definitions[str(node["$ref"]).rpartition("/")[2]]
        node = cast("dict[str, dict[str, object]]", node["properties"])[part]
    return node


def _walk(section: BaseModel, prefix: str) -> Iterator[KeyInfo]:
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        key = prefix + key_part(name)
        if isinstance(value, BaseModel):
            yield from _walk(value, f"{key}.")
        else:
            yield _info(key, field, list(value) if isinstance(value, tuple) else value)


def _info(key: str, field: FieldInfo, default: Value) -> KeyInfo:
    annotation, metadata, length = field.annotation, list(field.metadata), 0
    is_list = get_origin(annotation) is tuple
    if is_list:
        items = get_args(annotation)
        length = 0 if items[-1] is Ellipsis else len(items)
        annotation, metadata = items[0], []
        if get_args(annotation):  # Annotated[float, Field(ge=0)]
            annotation, *extra = get_args(annotation)
            metadata = [mark for item in extra for mark in getattr(item, "metadata", (item,))]
    name = cast("type", annotation).__name__
    bounds, choices = _bounds(metadata), CHOICES.get(key, Choices())
    return KeyInfo(
        key=key,
        type=f"list[{name}]" if is_list else name,
        default=default,
        low=bounds.get("ge", bounds.get("gt")),
        high=bounds.get("le", bounds.get("lt")),
        choices=choices.available,
        help=field.description or "",
        open_low="gt" in bounds,
        open_high="lt" in bounds,
        length=length,
        form=choices.form,
    )


def _bounds(metadata: list[object]) -> dict[str, float]:
    found: dict[str, float] = {}
    for mark in metadata:
        for kind, name in (
            (annotated_types.Ge, "ge"),
            (annotated_types.Gt, "gt"),
            (annotated_types.Le, "le"),
            (annotated_types.Lt, "lt"),
        ):
            if isinstance(mark, kind):
                found[name] = getattr(mark, name)
    return found
