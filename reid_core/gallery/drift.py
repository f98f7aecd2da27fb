"""Whether what is asked now is as near to the index as what it was built of: PSI and KS between two histograms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

__all__ = ["BINS", "EDGES", "Drift", "Verdict", "binned", "compare_spreads"]

BINS = 200
EDGES: npt.NDArray[np.float64] = np.linspace(0, 2, BINS + 1)
"""Of cosine distances: bins of 0.01."""
PSI_WATCH, PSI_ALARM = 0.1, 0.25
"""The usual limits of the population stability index: below the first nothing has changed, above the second much."""
KS_ALARM = 0.2
FEWEST = 100
"""Distances below which nothing is said."""
_GROUPS = 10


class Verdict(StrEnum):
    """What the figures say."""

    STABLE = "stable"
    WATCH = "watch"
    DRIFT = "drift"
    TOO_FEW = "too few"


@dataclass(frozen=True, slots=True)
class Drift:
    """Two sets of distances compared: `psi` >= 0 over tenths of the first, `ks` in [0, 1], and their medians."""

    verdict: Verdict
    psi: float
    ks: float
    expected: int
    observed: int
    expected_median: float
    observed_median: float


def binned(distances: npt.NDArray[np.floating]) -> npt.NDArray[np.int64]:
    """How many distances lie in each bin of EDGES; what is not finite does not count, what lies outside is clipped."""
    finite = distances[np.isfinite(distances)]
    counts, _ = np.histogram(np.clip(finite, 0, 2), EDGES)
    return counts.astype(np.int64)


def compare_spreads(expected: Sequence[int], observed: Sequence[int]) -> Drift:
    """Compare counts in bins of EDGES; with fewer than FEWEST distances on a side the verdict is `too few`.

    PSI is the sum of (o - e) ln(o / e) over tenths of the expected (the bins that hold them), an empty one counted as
    half a distance; KS the largest difference of the cumulative shares.
    """
    first, second = np.asarray(expected, np.float64), np.asarray(observed, np.float64)
    if first.size != BINS or second.size != BINS:
        raise ValueError(f"histograms of {first.size} and {second.size} bins; they have {BINS}")
    counts = int(first.sum()), int(second.sum())
    if min(counts) == 0:
        return Drift(Verdict.TOO_FEW, 0.0, 0.0, *counts, 0.0, 0.0)
    below, seen = first.cumsum() / first.sum(), second.cumsum() / second.sum()
    psi, ks = _psi(first, second, below), float(np.abs(below - seen).max())
    verdict = Verdict.STABLE
    if min(counts) < FEWEST:
        verdict = Verdict.TOO_FEW
    elif psi > PSI_ALARM or ks > KS_ALARM:
        verdict = Verdict.DRIFT
    elif psi > PSI_WATCH:
        verdict = Verdict.WATCH
    return Drift(verdict, psi, ks, *counts, _median(below), _median(seen))


def _psi(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64], below: npt.NDArray[np.float64]) -> float:
    cuts = np.unique(np.searchsorted(below, np.arange(1, _GROUPS) / _GROUPS)) + 1
    starts = np.unique(np.concatenate([[0], cuts[cuts < BINS]]))
    shares = []
    for counts in (first, second):
        grouped = np.maximum(np.add.reduceat(counts, starts), 0.5)
        shares.append(grouped / grouped.sum())
    return float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())


def _median(below: npt.NDArray[np.float64]) -> float:
    return float(EDGES[int(np.searchsorted(below, 0.5)) + 1])
