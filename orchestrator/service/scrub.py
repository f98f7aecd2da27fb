"""Taking secrets out of text that leaves the machine: by their form, and by their value where it is known."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

import yaml

from orchestrator.service.home import Home
from orchestrator.service.notify import settings_file
from orchestrator.service.secrets import HIDDEN, is_secret_name, redacted

__all__ = ["Scrub"]

_SHORTEST = 6
"""A shorter value is found in too many places that are not it."""


class Scrub:
    """`scrub(text)` without secrets. `known` are values that are secrets wherever they stand."""

    def __init__(self, known: Iterable[str]) -> None:
        wanted = {one for one in known if len(one) >= _SHORTEST}
        wanted |= {json.dumps(one)[1:-1] for one in wanted}
        self._known = sorted(wanted, key=len, reverse=True)

    @classmethod
    def of(cls, home: Home, environment: Mapping[str, str]) -> Scrub:
        """What is known of this installation: the environment, notify.yaml, and who may sign in."""
        known = {value for name, value in environment.items() if is_secret_name(name)}
        for value in environment.values():
            known |= _of_address(value)
        known |= set(_leaves(_read(home.people, json.loads)))
        told = _read(settings_file(home), yaml.safe_load)
        for name, value in _named(told):
            if name == "url":
                known |= {value, *_of_address(value), *_path_parts(value)}
            elif name.endswith("_env"):
                known |= {environment.get(value, ""), *_path_parts(environment.get(value, ""))}
        return cls(known)

    def __call__(self, text: str) -> str:
        """The text without what is known, and without what looks like a secret."""
        for one in self._known:
            text = text.replace(one, HIDDEN)
        return "".join(redacted(line) for line in text.splitlines(keepends=True))

    def json(self, text: str, indent: int | None = None) -> str:
        """A line of JSON with every text in it cleaned: numbers and the form stay. What is no JSON is plain text."""
        try:
            return json.dumps(self._cleaned(json.loads(text)), ensure_ascii=False, indent=indent)
        except ValueError:
            return self(text)

    def _cleaned(self, value: object) -> object:
        match value:
            case str():
                return self(value)
            case list():
                return [self._cleaned(one) for one in value]
            case dict():
                return {
                    self(name): HIDDEN if is_secret_name(name) and isinstance(one, str) else self._cleaned(one)
                    for name, one in value.items()
                }
            case _:
                return value


def _of_address(value: str) -> set[str]:
    """The password of a URL, as it is written and as it is meant."""
    if "://" not in value:
        return set()
    try:
        password = urlsplit(value).password or ""
    except ValueError:
        return set()
    return {password, unquote(password)}


def _path_parts(value: str) -> set[str]:
    """The long parts of a webhook's path: one of them is its secret."""
    if "://" not in value:
        return set()
    place = urlsplit(value)
    return {part for part in (*place.path.split("/"), *place.query.replace("=", "&").split("&")) if len(part) >= 8}


def _named(value: object) -> Iterable[tuple[str, str]]:
    if isinstance(value, dict):
        for name, one in value.items():
            if isinstance(one, str):
                yield str(name), one
            else:
                yield from _named(one)
    elif isinstance(value, list):
        for one in value:
            yield from _named(one)


def _leaves(value: object) -> Iterable[str]:
    """Passwords and tokens of people, digests too; names and roles are no secrets."""
    return (text for name, text in _named(value) if name not in {"name", "role", "prefix"})


def _read(path: Path, load: Callable[[str], object]) -> object:
    try:
        return load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return None  # nothing can be known of it, and nothing of it goes into the bundle
