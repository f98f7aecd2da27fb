"""What became of each tensor of a file, and when that is too little to go on."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LoadReport"]


@dataclass(frozen=True, slots=True)
class LoadReport:
    """Names, sorted: taken; in the model only; in the file only; in both with another shape. `notes`: for people.

    `missing` and `skipped_shape` are names of the model, `unexpected` of the file after its names were translated.
    """

    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    skipped_shape: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        lists = (("missing", self.missing), ("unexpected", self.unexpected), ("of another shape", self.skipped_shape))
        counts = [f"{len(names)} {what}{_some(names)}" for what, names in lists]
        return "; ".join((", ".join([f"{len(self.loaded)} tensors loaded", *counts]), *self.notes))


def _some(names: tuple[str, ...]) -> str:
    """The first few, in brackets."""
    if not names:
        return ""
    return f" ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})"
