"""The grammar of constraints: Python's own parser, and then only the few nodes that a constraint needs.

The size is limited before anything is judged: a space may come over HTTP.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from reid_core.config import Scalar

__all__ = ["FUNCTIONS", "WORDS", "ExpressionError", "dotted", "keys", "parse"]

MAX_LENGTH = 500
MAX_NODES = 150
MAX_DEPTH = 20
WORDS: dict[str, Scalar] = {"true": True, "false": False, "null": None}
FUNCTIONS = ("abs", "len", "max", "min")
_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow)
_COMPARISONS = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn)
_TRUTHS = (ast.BoolOp, ast.Compare, ast.Name, ast.Attribute)


class ExpressionError(Exception):
    """An expression is wrong, or has no value. `offset` counts characters from the start of its text."""

    def __init__(self, message: str, offset: int = 0) -> None:
        self.message = message
        self.offset = offset
        super().__init__(message)


def parse(text: str, *, truth: bool = True) -> ast.expr:
    """Parse one expression, by default one that is true or false. Raises ExpressionError at the first fault."""
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"longer than {MAX_LENGTH} characters", MAX_LENGTH)
    odd = next((i for i, letter in enumerate(text) if not (letter.isascii() and letter.isprintable())), None)
    if odd is not None:
        raise ExpressionError(f"{text[odd]!r} has no place in an expression", odd)
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError) as error:
        offset = (getattr(error, "offset", None) or 1) - 1
        raise ExpressionError("not an expression", min(max(offset, 0), len(text))) from error
    except (RecursionError, MemoryError) as error:
        raise ExpressionError("nested too deeply") from error
    if sum(1 for _ in ast.walk(tree)) > MAX_NODES:
        raise ExpressionError("too long" + (": split it into several constraints" if truth else ""))
    _check(tree, MAX_DEPTH)
    negation = isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not)
    if truth and not negation and not isinstance(tree, _TRUTHS):
        raise ExpressionError("neither true nor false: compare it with something")
    return tree


def dotted(node: ast.expr) -> str | None:
    """Read a key such as SOLVER.BASE_LR, which the parser sees as attributes; None for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else None


def keys(node: ast.expr) -> Iterator[tuple[str, int]]:
    """List the configuration keys that an expression reads, each with its offset, from left to right."""
    name = dotted(node)
    if name is not None:
        if name not in WORDS:
            yield name, node.col_offset
        return
    for child in _operands(node):
        yield from keys(child)


def _operands(node: ast.expr) -> list[ast.expr]:
    """List what an expression is made of. Raises ExpressionError for a node that may not be there."""
    match node:
        case ast.BoolOp(values=values):
            return values
        case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.UAdd(), operand=operand):
            return [operand]
        case ast.BinOp(left=left, op=op, right=right) if isinstance(op, _OPERATORS):
            return [left, right]
        case ast.IfExp(test=test, body=body, orelse=other):
            return [body, test, other]
        case ast.Compare(left=left, ops=ops, comparators=others) if all(isinstance(o, _COMPARISONS) for o in ops):
            return [left, *others]
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return items
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in FUNCTIONS and args:
            return args
        case ast.Subscript(value=value, slice=ast.Constant(value=int())):
            return [value]
        case ast.Constant(value=bool() | int() | float() | str() | None):
            return []
    raise ExpressionError(_refusal(node), node.col_offset)


def _check(node: ast.expr, depth: int) -> None:
    if depth == 0:
        raise ExpressionError("nested too deeply", node.col_offset)
    if dotted(node) is None:
        for child in _operands(node):
            _check(child, depth - 1)


def _refusal(node: ast.expr) -> str:
    if isinstance(node, ast.Call):
        name = dotted(node.func)
        return f"{name or 'this'} cannot be called; there are {', '.join(FUNCTIONS)}"
    if isinstance(node, ast.Compare):
        return "`is` is not known; use =="
    return f"`{ast.unparse(node)}` has no place in a constraint"
