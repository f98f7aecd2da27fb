"""The plain form of a configuration: FastReID's flat keys and JSON values."""

from __future__ import annotations

from typing import TypeAlias

__all__ = ["Scalar", "Value", "Values"]

Scalar: TypeAlias = bool | int | float | str | None
Value: TypeAlias = Scalar | list[Scalar]
Values: TypeAlias = dict[str, Value]
"""For example `{"SOLVER.BASE_LR": 3.5e-4, "INPUT.SIZE_TRAIN": [256, 128]}`; JSON and YAML carry it."""
