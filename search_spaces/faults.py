"""A fault that a model finds in itself, in a form that the loader can point at in the file."""

from __future__ import annotations

from pydantic_core import PydanticCustomError

__all__ = ["fault"]


def fault(code: str, message: str, *field: str | int, hint: str = "") -> PydanticCustomError:
    """Build an error for a pydantic validator. `code` is the Finding's, `field` the path below the model.

    Codes contain a dash, which tells them from pydantic's own error types.
    """
    return PydanticCustomError(code, "{message}", {"message": message, "field": field, "hint": hint})
