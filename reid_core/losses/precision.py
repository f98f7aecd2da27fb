"""The precision in which losses are computed."""

from __future__ import annotations

import torch

__all__ = ["at_least_float32"]


def at_least_float32(x: torch.Tensor) -> torch.Tensor:
    """`x`, in float32 if it is float16 or bfloat16: sums of exponentials and squares overflow or vanish in those."""
    return x.float() if x.dtype in {torch.float16, torch.bfloat16} else x
