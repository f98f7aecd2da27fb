"""Constraints: a small expression language over configuration keys, judged without eval.

    SOLVER.IMS_PER_BATCH % DATALOADER.NUM_INSTANCE == 0
    SOLVER.BASE_LR <= 1e-3 or MODEL.BACKBONE.DEPTH in ["18x", "34x"]

Keys, numbers, quoted texts, true / false / null, lists and their items; + - * / // % ** on numbers;
comparisons, `in`; and, or, not; `A if B else C`; min, max, abs, len. The whole is true or false.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field

from reid_core.config import Value
from search_spaces.evaluation import evaluate
from search_spaces.expression import ExpressionError, keys, parse

__all__ = ["Constraint", "ExpressionError", "parse_constraint"]


@dataclass(frozen=True, slots=True)
class Constraint:
    """A parsed expression. `keys` are the configuration keys it reads, each with its offset in `text`."""

    text: str
    keys: tuple[tuple[str, int], ...]
    tree: ast.expr = field(repr=False, compare=False)

    def holds(self, values: Mapping[str, Value]) -> bool:
        """Judge a configuration. Raises ExpressionError where there is no answer (1 / 0, 1 < "a")."""
        result = evaluate(self.tree, values)
        if not isinstance(result, bool):
            raise ExpressionError(f"{result!r} is neither true nor false")
        return result

    def refusal(self, values: Mapping[str, Value]) -> str:
        """Say why a configuration is refused; empty when it satisfies the constraint.

        An expression that has no value for a configuration (division by zero) refuses it.
        """
        try:
            if self.holds(values):
                return ""
        except ExpressionError as error:
            return f"`{self.text}` has no value: {error.message}"
        given = ", ".join(f"{key} = {values[key]!r}" for key in dict(self.keys))
        return f"`{self.text}` does not hold for {given}" if given else f"`{self.text}` never holds"


def parse_constraint(text: str) -> Constraint:
    """Parse an expression. Raises ExpressionError with the offset of the fault in `text`."""
    tree = parse(text)
    return Constraint(text, tuple(keys(tree)), tree)
