"""Constraints on outcomes (`latency_ms <= 5`): judged on what a trial reports, not on its configuration."""

from __future__ import annotations

import ast
import math
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from itertools import pairwise

from reid_core.config import Value
from search_spaces.constraints import Constraint, ExpressionError, parse_constraint
from search_spaces.evaluation import evaluate

__all__ = ["constants", "names_outcome", "probe", "shortfall", "split", "violation"]

_LEAST = 1e-9
"""A comparison that fails by nothing, as `x < 5` at 5, still fails."""


def names_outcome(constraint: Constraint, metrics: Collection[str], own: Collection[str]) -> bool:
    """Whether a constraint names a metric. A key of the space itself (`own`) with a metric's name is no metric."""
    return any(key in metrics and key not in own for key, _ in constraint.keys)


def split(texts: Iterable[str], metrics: Collection[str], own: Collection[str]) -> tuple[list[str], list[str]]:
    """Constraints on configurations, and those on outcomes. A text that cannot be parsed is one of the former."""
    before: list[str] = []
    after: list[str] = []
    for text in texts:
        try:
            on_outcome = names_outcome(_parsed(text), metrics, own)
        except ExpressionError:
            on_outcome = False
        (after if on_outcome else before).append(text)
    return before, after


def probe(constraint: Constraint) -> ExpressionError | None:
    """Why a constraint on outcomes has no value whatever is reported, as in `latency_ms <= "5"`; None where it has."""
    try:
        _amount(constraint.tree, {key: 0.4142 for key, _ in constraint.keys})
    except ExpressionError as error:
        return error
    return None


def constants(constraint: Constraint) -> list[tuple[str, float, int]]:
    """(name, number, offset of the number) for each comparison of a name alone with a number alone."""
    found: list[tuple[str, float, int]] = []
    for node in ast.walk(constraint.tree):
        if not isinstance(node, ast.Compare):
            continue
        sides = [node.left, *node.comparators]
        for one, other in [*pairwise(sides), *pairwise(sides[::-1])]:
            number = _constant(other)
            if isinstance(one, ast.Name) and number is not None:
                found.append((one.id, number, other.col_offset))
    return found


def _constant(node: ast.expr) -> float | None:
    try:
        value = evaluate(node, {})
    except ExpressionError:  # it reads a metric
        return None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def violation(text: str, metrics: Mapping[str, float]) -> float:
    """How far metrics are from satisfying a constraint: 0 when they do, infinite when it has no value for them.

    A comparison fails by the distance of its sides over the size of the right one, so that milliseconds and fractions
    can be added; `and` adds up, `or` takes the least; whatever else does not hold (`==`, `in`, `not`) fails by 1.
    Raises ExpressionError when the text is no expression.
    """
    known = [(name, metrics[name]) for name in _names(text) if name in metrics]
    return _violation(text, tuple([one for one in known if math.isfinite(one[1])]))


def shortfall(constraint: Constraint, values: Mapping[str, Value]) -> float:
    """How far a whole configuration is from satisfying a constraint; counted as in `violation`."""
    try:
        return 0.0 if constraint.holds(values) else _amount(constraint.tree, values)
    except ExpressionError:
        return math.inf


@lru_cache(maxsize=256)
def _names(text: str) -> tuple[str, ...]:
    return tuple(dict(_parsed(text).keys))


@lru_cache(maxsize=65_536)  # every question of a search asks again for what thousands of trials reported
def _violation(text: str, known: tuple[tuple[str, float], ...]) -> float:
    try:
        return _amount(_parsed(text).tree, dict(known))
    except ExpressionError:
        return math.inf


@lru_cache(maxsize=256)
def _parsed(text: str) -> Constraint:
    return parse_constraint(text)


def _amount(node: ast.expr, values: Mapping[str, Value]) -> float:
    match node:
        case ast.BoolOp(op=ast.And(), values=operands):
            return sum(_amount(operand, values) for operand in operands)
        case ast.BoolOp(op=ast.Or(), values=operands):
            return min(_amount(operand, values) for operand in operands)
        case ast.Compare(left=left, ops=ops, comparators=others):
            sides = [left, *others]
            return sum(_gap(op, sides[i], sides[i + 1], values) for i, op in enumerate(ops))
    truth = evaluate(node, values)
    if not isinstance(truth, bool):
        raise ExpressionError("a number is neither true nor false", node.col_offset)
    return 0.0 if truth else 1.0


def _gap(op: ast.cmpop, left: ast.expr, right: ast.expr, values: Mapping[str, Value]) -> float:
    """By how much one comparison fails."""
    if evaluate(ast.Compare(left=left, ops=[op], comparators=[right]), values):
        return 0.0
    if not isinstance(op, ast.Lt | ast.LtE | ast.Gt | ast.GtE):
        return 1.0
    low, high = evaluate(left, values), evaluate(right, values)
    if not isinstance(low, int | float) or not isinstance(high, int | float):
        return 1.0
    return max(abs(low - high) / (abs(high) or 1.0), _LEAST)
