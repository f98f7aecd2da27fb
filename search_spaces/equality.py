"""When two configuration values are the same: 1 is 1.0, but true is not 1."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reid_core.config import Value

__all__ = ["index_of", "repeated", "same"]


def same(left: Value, right: Value) -> bool:
    """Whether two values mean the same in a configuration; lists compare item by item."""
    if isinstance(left, list) or isinstance(right, list):
        if not (isinstance(left, list) and isinstance(right, list)) or len(left) != len(right):
            return False
        return all(same(a, b) for a, b in zip(left, right, strict=True))
    if isinstance(left, bool) is not isinstance(right, bool):
        return False
    return left == right


def index_of(value: Value, values: Sequence[Value]) -> int | None:
    """Find the place of `value` in `values`, or None when it is not there."""
    return next((index for index, other in enumerate(values) if same(value, other)), None)


def repeated(values: Iterable[Value]) -> int | None:
    """Find the place of the first value that stood there before, or None when all differ."""
    seen: list[Value] = []
    for index, value in enumerate(values):
        if index_of(value, seen) is not None:
            return index
        seen.append(value)
    return None
