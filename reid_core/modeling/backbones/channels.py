"""How the mobile families round a scaled number of channels."""

from __future__ import annotations

__all__ = ["round_channels"]


def round_channels(value: float, divisor: int = 8) -> int:
    """The multiple of `divisor` nearest to `value`, never below 90 % of it nor below `divisor`."""
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded
