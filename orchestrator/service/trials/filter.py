"""Which trials a filter lets through. A cell that is empty equals null alone and has no order."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum

from orchestrator.service.trials.grammar import (
    ORDERS,
    All,
    Compare,
    Each,
    FilterFault,
    Literal,
    Name,
    Node,
    Not,
    Or,
    Range,
    Search,
    parse_filter,
)
from reid_core.config import Value, suggest
from reid_core.errors import Finding, InvalidInput

__all__ = ["ALIASES", "Cells", "FieldKind", "compile_filter", "trial_filter"]

Cells = Mapping[str, Value]
Test = Callable[[Cells], bool]
ALIASES = {"id": "trial", "status": "state", "worker": "node"}


class FieldKind(StrEnum):
    """What a column holds; `any` holds what a configuration may, `prose` is no place to look a word up in."""

    NUMBER = "number"
    TEXT = "text"
    PROSE = "prose"
    ANY = "any"


def trial_filter(text: str, fields: Mapping[str, FieldKind]) -> Test:
    """`compile_filter` for people: a fault is an InvalidInput with its column."""
    try:
        return compile_filter(text, fields)
    except FilterFault as fault:
        hint = "for example: rank1 > .8 and MODEL.BACKBONE.NAME = build_resnet_backbone"
        finding = Finding("bad-filter", fault.message, file="filter", line=1, col=fault.column, key="filter", hint=hint)
        raise InvalidInput([finding]) from fault


def compile_filter(text: str, fields: Mapping[str, FieldKind]) -> Test:
    """A test of one trial's cells. Names are those of `fields`, or the end of one; case does not count.

    Raises FilterFault for a text that is no filter, a name that is not there, an order of what has none.
    """
    return _Compiler(fields).test(parse_filter(text))


class _Compiler:
    def __init__(self, fields: Mapping[str, FieldKind]) -> None:
        self._fields = fields
        self._texts = [name for name, kind in fields.items() if kind in {FieldKind.TEXT, FieldKind.ANY}]

    def test(self, node: Node) -> Test:
        match node:
            case All(parts):
                tests = [self.test(part) for part in parts]
                return lambda cells: all(test(cells) for test in tests)
            case Or(parts):
                tests = [self.test(part) for part in parts]
                return lambda cells: any(test(cells) for test in tests)
            case Not(part):
                inner = self.test(part)
                return lambda cells: not inner(cells)
            case Search(wanted):
                return self._search(wanted)
            case Each(left, among):
                return self._each(left, among)
            case Range(left, low, high):
                name = self._name(left)
                return lambda cells: _within(cells.get(name), low.value, high.value)
            case Compare():
                return self._compare(node)

    def _search(self, wanted: Literal) -> Test:
        if isinstance(wanted.value, float):
            return lambda cells: cells.get("trial") == wanted.value
        sought = (wanted.value if isinstance(wanted.value, str) else wanted.text).lower()
        return lambda cells: any(_contains(cells.get(name), sought) for name in self._texts)

    def _each(self, left: Name, among: Sequence[Literal]) -> Test:
        name = self._name(left)
        for one in among:
            self._check_value(name, one)
        return lambda cells: any(_equals(cells.get(name), one) for one in among)

    def _compare(self, node: Compare) -> Test:
        name, operator, right = self._name(node.left), node.operator, node.right
        if operator in ORDERS:
            return self._ordered(name, operator, right, node.left.column)
        if isinstance(right, Name):
            raise FilterFault(f"`{right.name}` is no value", right.column)
        if operator in {"~", "!~"}:
            sought, wanted = (right.value if isinstance(right.value, str) else right.text).lower(), operator == "~"
            return lambda cells: _contains(cells.get(name), sought) is wanted
        self._check_value(name, right)
        return lambda cells: _equals(cells.get(name), right) is (operator == "=")

    def _ordered(self, name: str, operator: str, right: Literal | Name, column: int) -> Test:
        if self._fields[name] in {FieldKind.TEXT, FieldKind.PROSE}:
            raise FilterFault(f"{name} has no order", column)
        if isinstance(right, Name):
            other = self._name(right)
            return lambda cells: _holds(operator, cells.get(name), cells.get(other))
        if not isinstance(right.value, float):
            raise FilterFault("an order needs a number", right.column)
        return lambda cells: _holds(operator, cells.get(name), right.value)

    def _check_value(self, name: str, value: Literal) -> None:
        if self._fields[name] is FieldKind.NUMBER and isinstance(value.value, str | bool):
            raise FilterFault(f"{name} is a number", value.column)

    def _name(self, wanted: Name) -> str:
        """The field that is meant: its name, an alias, or the end of one key alone; else the same in any case."""
        for same in (str, str.lower):
            sought = same(ALIASES.get(wanted.name.lower(), wanted.name))
            whole = next((name for name in self._fields if same(name) == sought), None)
            if whole is not None:
                return whole
            ends = [name for name in self._fields if same(name).endswith(f".{sought}")]
            if len(ends) == 1:
                return ends[0]
            if ends:
                raise FilterFault(f"{wanted.name} may be {' or '.join(ends)}", wanted.column)
        hint = suggest(wanted.name, self._fields)
        raise FilterFault(f"there is no {wanted.name}" + (f"; {hint}" if hint else ""), wanted.column)


def _number(cell: Value) -> float | None:
    if not isinstance(cell, int | float) or isinstance(cell, bool):
        return None
    try:
        number = float(cell)
    except OverflowError:  # a whole number of hundreds of digits
        return math.inf if cell > 0 else -math.inf
    return None if math.isnan(number) else number


def _holds(operator: str, left: Value, right: Value) -> bool:
    one, other = _number(left), _number(right)
    if one is None or other is None:
        return False
    return {"<": one < other, "<=": one <= other, ">": one > other, ">=": one >= other}[operator]


def _within(cell: Value, low: Value, high: Value) -> bool:
    return _holds(">=", cell, low) and _holds("<=", cell, high)


def _equals(cell: Value, wanted: Literal) -> bool:
    """A list equals what one of its items equals; text does whatever the case, a number as it was written."""
    if isinstance(cell, list):
        return any(_equals(item, wanted) for item in cell)
    if isinstance(cell, str):
        text = wanted.value if isinstance(wanted.value, str) else wanted.text
        return cell.lower() == text.lower() if wanted.value is not None else cell == ""
    if cell is None or isinstance(cell, bool):
        return cell is wanted.value
    number = _number(cell)
    if number is None:
        return wanted.value is None
    return isinstance(wanted.value, float) and number == wanted.value


def _contains(cell: Value, sought: str) -> bool:
    if isinstance(cell, list):
        return any(_contains(item, sought) for item in cell)
    return isinstance(cell, str) and sought in cell.lower()
