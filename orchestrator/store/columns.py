"""Rows of reported epochs turned into columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from orchestrator.store.protocol import Columns

__all__ = ["columns_of"]


def columns_of(seq: int, places: Sequence[tuple[int, int]], metrics: Sequence[Mapping[str, float]]) -> Columns:
    """Columns of equal length from `places` (trial, epoch) and `metrics`, both in log order; names sorted."""
    names = sorted({name for row in metrics for name in row})
    return Columns(
        seq,
        tuple(trial for trial, _ in places),
        tuple(epoch for _, epoch in places),
        {name: tuple(row.get(name) for row in metrics) for name in names},
    )
