"""YAML text to plain values that remember where they stood, so that an error can point at file, line and column.

Scalars follow the core schema of YAML 1.2 (`3e-4` is a float, `010` is ten, no dates, no base 60) with two habits of
FastReID's files kept: unquoted yes/no/on/off are booleans, and an unquoted Python tuple `("a", "b")` is a list.
A quoted scalar is always a string.
"""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml

from reid_core.config.values import Scalar
from reid_core.errors import ConfigError, Finding

__all__ = ["Path", "Plain", "Position", "Source", "read_yaml", "suggest"]

Plain: TypeAlias = "Scalar | list[Plain] | dict[str, Plain]"
"""What a file may hold: JSON's values."""
Path: TypeAlias = tuple[str | int, ...]
"""Keys and list indices from the top of a file down to one value."""

_MAX_NODES = 20_000  # aliases multiply: a small file can stand for an endless one
_NULL = re.compile(r"~|null|Null|NULL|")
_TRUE = re.compile(r"true|True|TRUE|yes|Yes|YES|on|On|ON")
_FALSE = re.compile(r"false|False|FALSE|no|No|NO|off|Off|OFF")
_INT = re.compile(r"[-+]?[0-9]+")
_HEX = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_NAMED: dict[str, type] = {"null": type(None), "bool": bool, "int": int, "float": float, "str": str}
_PLAIN = "plain"
_TAGS = {_PLAIN, *(f"tag:yaml.org,2002:{kind}" for kind in (*_NAMED, "seq", "map"))}


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a file; `line` and `col` count from 1."""

    file: str
    line: int
    col: int


@dataclass(frozen=True, slots=True)
class Source:
    """The content of one YAML file: plain values, and the place of each."""

    file: str
    value: Plain
    _keys: Mapping[Path, Position] = field(repr=False)
    _values: Mapping[Path, Position] = field(repr=False)

    def position(self, path: Path) -> Position:
        """Where the key at `path` stands (for a list item: the item); the nearest parent when there is none."""
        return self._nearest(self._keys, path)

    def value_position(self, path: Path) -> Position:
        """Where the value at `path` begins; the nearest parent when there is none."""
        return self._nearest(self._values, path)

    def finding(self, code: str, message: str, path: Path = (), *, hint: str = "", key: str = "") -> Finding:
        """A Finding at the key of `path`."""
        place = self.position(path)
        return Finding(code, message, place.file, place.line, place.col, hint=hint, key=key)

    def _nearest(self, places: Mapping[Path, Position], path: Path) -> Position:
        for length in range(len(path), -1, -1):
            place = places.get(path[:length])
            if place is not None:
                return place
        return Position(self.file, 1, 1)


def read_yaml(text: str, file: str) -> Source:
    """Read one YAML document; `file` names it in errors. An empty document has the value None.

    Raises ConfigError with a Finding (file, line, column) on bad syntax, duplicate keys, and tags that would build
    anything but plain values.
    """
    builder = _Builder(file)
    try:
        node = yaml.compose(text, Loader=_TextLoader)
        value = builder.build(node, ()) if node is not None else None
    except yaml.MarkedYAMLError as error:
        raise ConfigError(_syntax(file, error.problem_mark, error.problem or str(error))) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        col = error.position - (text.rfind("\n", 0, error.position) + 1) + 1
        message = f"not YAML text: {error.reason} (character {error.character!r})"
        raise ConfigError(Finding("syntax", message, file, line, col)) from error
    except RecursionError as error:
        raise ConfigError(Finding("syntax", "nested too deeply", file, 1, 1)) from error
    if builder.findings:
        raise ConfigError(builder.findings)
    return Source(file, value, builder.keys, builder.values)


def suggest(word: str, known: Iterable[str]) -> str:
    """`did you mean X?` for the known name nearest to `word`, or an empty string.

    Case does not count, and the last part of a dotted key may stand for the whole.
    """
    names = sorted(known)
    folded: dict[str, str] = {}
    for name in names:
        folded.setdefault(name.lower(), name)
        folded.setdefault(name.rpartition(".")[2].lower(), name)
    wanted = word.lower()
    near = [wanted] if wanted in folded else difflib.get_close_matches(wanted, list(folded), n=1, cutoff=0.7)
    if not near and "." in wanted:
        near = difflib.get_close_matches(wanted.rpartition(".")[2], list(folded), n=1, cutoff=0.7)
    return f"did you mean {folded[near[0]]}?" if near else ""


class _TextLoader(yaml.SafeLoader):
    """Leaves every unquoted scalar as its text, marked as such: `_plain_scalar` decides, not YAML 1.1."""

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:
        """PyYAML's hook: the tag of a node that names none."""
        if kind is yaml.ScalarNode and implicit[0]:
            return _PLAIN
        return str(super().resolve(kind, value, implicit))  # type: ignore[no-untyped-call]  # types-PyYAML has no types


class _Builder:
    """Turns composed nodes into plain values, notes each place, and collects faults."""

    def __init__(self, file: str) -> None:
        self.keys: dict[Path, Position] = {}
        self.values: dict[Path, Position] = {}
        self.findings: list[Finding] = []
        self._file = file
        self._open: set[int] = set()
        self._nodes = 0

    def build(self, node: yaml.Node, path: Path) -> Plain:
        """The plain value of `node`, which stands at `path`."""
        place = self._place(node)
        self.values[path] = place
        self.keys.setdefault(path, place)
        self._nodes += 1
        if self._nodes > _MAX_NODES:
            raise ConfigError(Finding("syntax", "aliases repeat too much content", self._file, place.line, place.col))
        if node.tag not in _TAGS:
            self._fault("unsafe-tag", node, f"the tag {_tag(node.tag)} is not allowed: files hold plain values only")
            return None
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if id(node) in self._open:
            self._fault("syntax", node, "an alias contains itself")
            return None
        self._open.add(id(node))
        value = self._mapping(node, path) if isinstance(node, yaml.MappingNode) else self._sequence(node, path)
        self._open.discard(id(node))
        return value

    def _sequence(self, node: yaml.Node, path: Path) -> list[Plain]:
        return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Plain]:
        result: dict[str, Plain] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._fault("syntax", key_node, "a key is one word, not a list or mapping")
                continue
            key = str(key_node.value)
            if key == "<<" and key_node.style is None:
                self._fault(
                    "syntax",
                    key_node,
                    "merge keys (<<) are not supported",
                    hint="inherit with _BASE_ instead",
                )
            elif key in result:
                first = self.keys[(*path, key)]
                self._fault("duplicate-key", key_node, f"{key} is given twice; first in line {first.line}")
            else:
                self.keys[(*path, key)] = self._place(key_node)
                result[key] = self.build(value_node, (*path, key))
        return result

    def _scalar(self, node: yaml.ScalarNode) -> Plain:
        text = str(node.value)
        if node.tag == _PLAIN:
            return _plain_scalar(text)
        kind = _NAMED[node.tag.rpartition(":")[2]]
        if kind is str:
            return text
        value = _plain_scalar(text)
        value = float(value) if kind is float and type(value) is int else value
        if type(value) is not kind:
            self._fault("syntax", node, f"{text!r} is not of the type that its tag {_tag(node.tag)} names")
            return None
        return value

    def _place(self, node: yaml.Node) -> Position:
        return Position(self._file, node.start_mark.line + 1, node.start_mark.column + 1)

    def _fault(self, code: str, node: yaml.Node, message: str, *, hint: str = "") -> None:
        place = self._place(node)
        self.findings.append(Finding(code, message, place.file, place.line, place.col, hint=hint))


def _plain_scalar(text: str) -> Plain:
    """The value of an unquoted scalar."""
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text) or _FALSE.fullmatch(text):
        return _TRUE.fullmatch(text) is not None
    if _INT.fullmatch(text):
        return int(text) if len(text) <= 20 else float(text)
    if _HEX.fullmatch(text):
        return int(text, 16)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _INFINITE.fullmatch(text):
        return float(text.replace(".", ""))
    return _python_tuple(text) if text.startswith("(") and text.endswith(")") else text


def _python_tuple(text: str) -> Plain:
    """Read `("Market1501",)` as yacs does, with `ast.literal_eval`; anything else between parentheses stays text."""
    try:
        literal = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
    if not isinstance(literal, tuple):
        return text
    items = list(literal)
    return items if all(isinstance(item, bool | int | float | str | None) for item in items) else text


def _syntax(file: str, mark: yaml.Mark | None, problem: str) -> Finding:
    hint = "indent with spaces" if "'\\t'" in problem else ""
    line, col = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    return Finding("syntax", problem, file, line, col, hint=hint)


def _tag(tag: str) -> str:
    return tag.replace("tag:yaml.org,2002:", "!!")
