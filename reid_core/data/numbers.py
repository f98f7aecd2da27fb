"""Numbers in lists that people and programs write."""

from __future__ import annotations

__all__ = ["whole_number"]

_DIGITS = 18
"""As many as always fit into 64 bits."""


def whole_number(text: str) -> int | None:
    """The number that `text` is, in decimal digits only, from 0 to below 10^18; None for every other text."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else None
