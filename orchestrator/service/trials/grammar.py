"""The grammar of a filter over trials: words and comparisons with and, or, not; read by hand, never evaluated.

    rank1 > .8 and MODEL.BACKBONE.NAME = build_resnet_backbone
    (origin in [model, prior] or 0.1 <= SOLVER.BASE_LR < 1e-2) and not state = failed

dashboards/static/js/filter.js reads the same language; tests/unit/service/trial_filter_cases.json holds both to it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

__all__ = [
    "ORDERS",
    "All",
    "Compare",
    "Each",
    "FilterFault",
    "Literal",
    "Name",
    "Node",
    "Not",
    "Or",
    "Range",
    "Search",
    "parse_filter",
]

MAX_LENGTH = 1000
MAX_DEPTH = 20
ORDERS = ("<", "<=", ">", ">=")
_OPERATORS = ("=", "!=", "~", "!~", *ORDERS)
_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "!=": "!="}
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>[+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?%?(?![A-Za-z0-9_]))
    | (?P<word>[A-Za-z0-9_](?:[A-Za-z0-9_/:-]|\.(?!\.))*)
    | (?P<quoted>"[^"]*"|'[^']*')
    | (?P<sign>==|!=|<=|>=|!~|\.\.|[=<>~()\[\],])
    )""",
    re.VERBOSE,
)


class FilterFault(Exception):
    """A filter is wrong. `column` counts characters from 1."""

    def __init__(self, message: str, column: int) -> None:
        self.message = message
        self.column = column
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Literal:
    """A value; `text` as it was written, for cells that hold text."""

    value: bool | float | str | None
    text: str
    column: int


@dataclass(frozen=True, slots=True)
class Name:
    """What a comparison reads: a metric, a parameter, or a column."""

    name: str
    column: int


@dataclass(frozen=True, slots=True)
class Compare:
    """One cell against a value, or against another cell."""

    left: Name
    operator: str
    right: Literal | Name
    column: int


@dataclass(frozen=True, slots=True)
class Each:
    """One cell among several values."""

    left: Name
    among: tuple[Literal, ...]


@dataclass(frozen=True, slots=True)
class Range:
    """One cell between two numbers, both included."""

    left: Name
    low: Literal
    high: Literal


@dataclass(frozen=True, slots=True)
class Search:
    """A word alone: looked for in every text of a trial. A number alone is a trial's number."""

    wanted: Literal


@dataclass(frozen=True, slots=True)
class Not:
    """Whatever does not pass."""

    part: Node


@dataclass(frozen=True, slots=True)
class All:
    """Every part passes; none: everything does."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """One part passes."""

    parts: tuple[Node, ...]


Node: TypeAlias = Compare | Each | Range | Search | Not | All | Or


def parse_filter(text: str) -> Node:
    """The filter as a tree; an empty one lets everything through. Raises FilterFault at the first fault."""
    if len(text) > MAX_LENGTH:
        raise FilterFault(f"longer than {MAX_LENGTH} characters", MAX_LENGTH + 1)
    reader = _Reader(text)
    if reader.ended():
        return All(())
    tree = reader.either(MAX_DEPTH)
    if not reader.ended():
        raise FilterFault(f"{reader.shown} has no place here", reader.column)
    return tree


class _Reader:
    """Reads tokens from left to right; one function a rule of the grammar."""

    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str, int]] = []
        at = 0
        while text[at:].strip():
            found = _TOKEN.match(text, at)
            if found is None or found.lastgroup is None:
                start = at + len(text[at:]) - len(text[at:].lstrip())
                message = "the quote is not closed" if text[start] in "\"'" else f"{text[start]!r} has no place here"
                raise FilterFault(message, start + 1)
            self._tokens.append((found.lastgroup, found[found.lastgroup], found.start(found.lastgroup) + 1))
            at = found.end()
        self._end = len(text.rstrip()) + 1
        self._at = 0

    def ended(self) -> bool:
        return self._at >= len(self._tokens)

    @property
    def column(self) -> int:
        return self._end if self.ended() else self._tokens[self._at][2]

    @property
    def shown(self) -> str:
        return "the end" if self.ended() else f"`{self._tokens[self._at][1]}`"

    def _is(self, *texts: str, ahead: int = 0) -> bool:
        """Whether the next token is one of these signs or keywords (keywords in any case)."""
        if self._at + ahead >= len(self._tokens):
            return False
        kind, text, _ = self._tokens[self._at + ahead]
        return kind in {"sign", "word"} and text.lower() in texts

    def _take(self, *texts: str) -> str:
        """The next token when it is one of these, else empty."""
        if not self._is(*texts):
            return ""
        self._at += 1
        return self._tokens[self._at - 1][1].lower()

    def _expect(self, text: str, why: str) -> None:
        if not self._take(text):
            raise FilterFault(f"{why}, not {self.shown}", self.column)

    def either(self, depth: int) -> Node:
        if depth == 0:
            raise FilterFault("nested too deeply", self.column)
        parts = [self._both(depth)]
        while self._take("or"):
            parts.append(self._both(depth))
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _both(self, depth: int) -> Node:
        parts = [self._negated(depth)]
        while not self.ended() and not self._is("or", ")"):
            self._take("and")
            parts.append(self._negated(depth))
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _negated(self, depth: int) -> Node:
        if self._take("not"):
            if depth == 0:
                raise FilterFault("nested too deeply", self.column)
            return Not(self._negated(depth - 1))
        if self._take("("):
            inside = self.either(depth - 1)
            self._expect(")", "`)` closes the bracket")
            return inside
        return self._comparison()

    def _comparison(self) -> Node:
        first = self._value("a name or a word stands here")
        if self._is("in") or (self._is("not") and self._is("in", ahead=1)):
            return self._membership(_named(first))
        operator = self._operator()
        if not operator:
            return Search(first)
        column = self.column
        if isinstance(first.value, str) and first.text == first.value:
            return Compare(_named(first), operator, self._right(operator), column)
        return self._chain(first, operator)

    def _chain(self, first: Literal, operator: str) -> Node:
        """`0.1 < rank1 <= 0.5`: a value first, then the name, then perhaps another value."""
        column = self.column
        if operator not in _FLIPPED:
            raise FilterFault(f"a name stands before `{operator}`", first.column)
        middle = _named(self._value("a name stands here"))
        low = Compare(middle, _FLIPPED[operator], first, column)
        second = self._operator()
        return low if not second else All((low, Compare(middle, second, self._right(second), self.column)))

    def _operator(self) -> str:
        return {"==": "="}.get(found := self._take(*_OPERATORS, "=="), found)

    def _right(self, operator: str) -> Literal | Name:
        value = self._value("a value stands here")
        if operator in ORDERS and isinstance(value.value, str) and value.text == value.value:
            return Name(value.text, value.column)
        return value

    def _membership(self, left: Name) -> Node:
        negated = bool(self._take("not"))
        self._expect("in", "`in` stands here")
        close = {"[": "]", "(": ")"}.get(self._take("[", "("))
        found: Node
        if close is None:
            low = self._value("a list such as [a, b] or a range such as 0.1..0.5 stands here")
            self._expect("..", "a range such as 0.1..0.5 stands here")
            high = self._value("the end of the range stands here")
            for end in (low, high):
                if isinstance(end.value, bool) or not isinstance(end.value, float):
                    raise FilterFault("a range is between two numbers", end.column)
            found = Range(left, low, high)
        else:
            among = [self._value("a value stands here")]
            while self._take(","):
                among.append(self._value("a value stands here"))
            self._expect(close, f"`{close}` closes the list")
            found = Each(left, tuple(among))
        return Not(found) if negated else found

    def _value(self, why: str) -> Literal:
        """A number (80% is 0.8), a quoted text (its `text` keeps the quotes), true, false, null, or a word."""
        if self.ended() or self._tokens[self._at][0] == "sign" or self._is("and", "or", "not", "in"):
            raise FilterFault(f"{why}, not {self.shown}", self.column)
        kind, text, column = self._tokens[self._at]
        self._at += 1
        if kind == "number":
            return Literal(float(text[:-1]) / 100 if text.endswith("%") else float(text), text, column)
        if kind == "quoted":
            return Literal(text[1:-1], text, column)
        lowered = text.lower()
        return Literal(_WORDS[lowered], text, column) if lowered in _WORDS else Literal(text, text, column)


def _named(value: Literal) -> Name:
    if not isinstance(value.value, str):
        raise FilterFault(f"`{value.text}` is no name", value.column)
    return Name(value.value, value.column)
