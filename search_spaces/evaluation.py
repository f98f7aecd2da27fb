"""What an expression is worth for one configuration. Arithmetic is limited, so that no input can hang it."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import TypeAlias, TypeGuard

from reid_core.config import Value
from search_spaces.equality import same
from search_spaces.expression import WORDS, ExpressionError, dotted

__all__ = ["evaluate"]

Number: TypeAlias = int | float

_MAX_NUMBER = 1e18
_MAX_EXPONENT = 64
_ARITHMETIC: dict[type[ast.operator], Callable[[Number, Number], Number]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_ORDER: dict[type[ast.cmpop], Callable[[Number, Number], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def evaluate(node: ast.expr, values: Mapping[str, Value]) -> Value:
    """Work out an expression. Raises ExpressionError where it has no value (1 / 0, 1 < "a", no such key)."""
    while isinstance(node, ast.IfExp):
        node = node.body if _truth(node.test, values) else node.orelse
    name = dotted(node)
    if name is not None:
        return _lookup(name, values, node.col_offset)
    match node:
        case ast.Constant(value=bool() | int() | float() | str() | None as value):
            return value
        case ast.BoolOp(op=op, values=operands):
            return _connect(op, operands, values)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return not _truth(operand, values)
        case ast.UnaryOp(op=op, operand=operand):
            number = _number(operand, values)
            return -number if isinstance(op, ast.USub) else number
        case ast.BinOp(left=left, op=op, right=right):
            return _calculate(op, _number(left, values), _number(right, values), node.col_offset)
        case ast.Compare(left=left, ops=ops, comparators=others):
            return _compare(left, ops, others, values)
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_scalar(item, values) for item in items]
        case ast.Call(func=ast.Name(id=function), args=args):
            return _call(function, args, values, node.col_offset)
        case ast.Subscript(value=sequence, slice=ast.Constant(value=int() as index)):
            return _item(sequence, index, values)
    raise ExpressionError(f"{type(node).__name__} has no place in a constraint", node.col_offset)


def _lookup(name: str, values: Mapping[str, Value], offset: int) -> Value:
    if name in WORDS:
        return WORDS[name]
    if name not in values:
        raise ExpressionError(f"{name} has no value", offset)
    return values[name]


def _connect(op: ast.boolop, operands: list[ast.expr], values: Mapping[str, Value]) -> bool:
    truths = (_truth(operand, values) for operand in operands)
    return all(truths) if isinstance(op, ast.And) else any(truths)


def _compare(left: ast.expr, ops: list[ast.cmpop], others: list[ast.expr], values: Mapping[str, Value]) -> bool:
    first = evaluate(left, values)
    for op, other in zip(ops, others, strict=True):
        second = evaluate(other, values)
        if not _holds(op, first, second, other.col_offset):
            return False
        first = second
    return True


def _holds(op: ast.cmpop, left: Value, right: Value, offset: int) -> bool:
    if isinstance(op, ast.Eq | ast.NotEq):
        return same(left, right) is isinstance(op, ast.Eq)
    if isinstance(op, ast.In | ast.NotIn):
        return _contains(right, left, offset) is isinstance(op, ast.In)
    if not _is_number(left) or not _is_number(right):
        raise ExpressionError(f"{left!r} and {right!r} have no order", offset)
    return _ORDER[type(op)](left, right)


def _contains(whole: Value, part: Value, offset: int) -> bool:
    if isinstance(whole, list):
        return any(same(part, item) for item in whole)
    if isinstance(whole, str) and isinstance(part, str):
        return part in whole
    raise ExpressionError(f"{part!r} cannot be looked for in {whole!r}", offset)


def _calculate(op: ast.operator, left: Number, right: Number, offset: int) -> Number:
    if isinstance(op, ast.Pow) and abs(right) > _MAX_EXPONENT:
        raise ExpressionError(f"the exponent {right!r} is above {_MAX_EXPONENT}", offset)
    try:
        result = _ARITHMETIC[type(op)](left, right)
    except ZeroDivisionError as error:
        raise ExpressionError("division by zero", offset) from error
    except OverflowError as error:
        raise ExpressionError("too large a number", offset) from error
    return _limited(result, offset)


def _call(function: str, args: list[ast.expr], values: Mapping[str, Value], offset: int) -> Number:
    given = [evaluate(arg, values) for arg in args]
    if function == "len":
        if len(given) != 1 or not isinstance(given[0], list | str):
            raise ExpressionError("len takes one list or text", offset)
        return len(given[0])
    items = given[0] if len(given) == 1 and isinstance(given[0], list) else given
    numbers = [item for item in items if _is_number(item)]
    if not items or len(numbers) != len(items):
        raise ExpressionError(f"{function} takes numbers", offset)
    if function == "abs":
        if len(numbers) != 1:
            raise ExpressionError("abs takes one number", offset)
        return abs(numbers[0])
    return max(numbers) if function == "max" else min(numbers)


def _item(sequence: ast.expr, index: int, values: Mapping[str, Value]) -> Value:
    items = evaluate(sequence, values)
    if not isinstance(items, list) or not -len(items) <= index < len(items):
        raise ExpressionError(f"{items!r} has no item {index}", sequence.col_offset)
    return items[index]


def _truth(node: ast.expr, values: Mapping[str, Value]) -> bool:
    value = evaluate(node, values)
    if not isinstance(value, bool):
        raise ExpressionError(f"{value!r} is neither true nor false", node.col_offset)
    return value


def _number(node: ast.expr, values: Mapping[str, Value]) -> Number:
    value = evaluate(node, values)
    if not _is_number(value):
        raise ExpressionError(f"{value!r} is not a number", node.col_offset)
    return _limited(value, node.col_offset)


def _scalar(node: ast.expr, values: Mapping[str, Value]) -> bool | int | float | str | None:
    value = evaluate(node, values)
    if isinstance(value, list):
        raise ExpressionError("a list inside a list", node.col_offset)
    return value


def _limited(number: Number, offset: int) -> Number:
    if isinstance(number, complex) or not abs(number) <= _MAX_NUMBER:
        raise ExpressionError("not a number, or too large a one", offset)
    return number


def _is_number(value: Value) -> TypeGuard[Number]:
    return isinstance(value, int | float) and not isinstance(value, bool)
