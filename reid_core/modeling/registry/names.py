"""Texts of a configuration as members of an enumeration, and the error for one that is none."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import TypeVar

from reid_core.config import suggest
from reid_core.errors import ConfigError, Finding

__all__ = ["choose", "unknown_name"]

_Name = TypeVar("_Name", bound=StrEnum)


def unknown_name(key: str, value: str, known: Iterable[str]) -> ConfigError:
    """The error for a name that is none of `known`, with the nearest of them."""
    names = sorted(known)
    hint = suggest(value, names) or f"known: {', '.join(names)}"
    return ConfigError(Finding("unknown-name", f"{key} {value!r} is not available", hint=hint, key=key))


def choose(kind: type[_Name], key: str, value: str) -> _Name:
    """The member of `kind` spelled `value`; ConfigError that names `key` and the nearest spelling otherwise."""
    try:
        return kind(value)
    except ValueError:
        raise unknown_name(key, value, kind) from None
