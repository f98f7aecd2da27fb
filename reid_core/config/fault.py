"""A fault that is not yet tied to a place in a file."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Fault"]


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that is not yet tied to a place in a file.

    `keys` are the keys involved, the blamed one first; `item` counts the items of its list from 0.
    """

    keys: tuple[str, ...]
    code: str
    message: str
    hint: str = ""
    item: int | None = None
