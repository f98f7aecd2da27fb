"""Configuration keys in few words, for tables and sentences."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["short_names"]


def short_names(keys: Iterable[str]) -> dict[str, str]:
    """The end of each key, as long as it takes to tell it from the others: `BASE_LR`, `CE.EPSILON`, `LOGITS.SCALE`."""
    known = list(keys)
    short = {}
    for key in known:
        parts = key.split(".")
        ends = [".".join(parts[-length:]) for length in range(1, len(parts) + 1)]
        others = [f".{other}" for other in known if other != key]
        short[key] = next((end for end in ends if not any(other.endswith(f".{end}") for other in others)), key)
    return short
