"""Random numbers that depend on what they are for and on nothing that happened before.

Every stream is Philox (Salmon et al. 2011) keyed by a seed and a purpose, so that resuming needs no state and neither
batch composition nor worker counts change a result.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TypeVar

import numpy as np
import numpy.typing as npt

__all__ = ["Draws", "Purpose", "between", "generator", "sample_draws"]

Draws = npt.NDArray[np.float64]
"""Uniform numbers in [0, 1)."""

_Unit = TypeVar("_Unit", float, Draws)


class Purpose(IntEnum):
    """Keeps the streams of one seed apart."""

    SPLIT = 1
    SAMPLER = 2
    AUGMENTATION = 3
    IDENTITY = 4
    CAMERA = 5
    SHOT = 6
    POLICY = 7
    JITTER = 8
    AFFINE = 9
    MIX = 10
    RESIZED_CROP = 11
    PATCH = 12
    GREY_PATCH = 13
    CUTOUT = 14
    DOMAIN = 15
    PARTIAL = 16
    DRAW = 17


def generator(seed: int, purpose: Purpose, *numbers: int) -> np.random.Generator:
    """The stream of `purpose` under `seed`; `numbers` (an epoch, an identity) name one of several."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, purpose, *numbers])))


def sample_draws(
    seed: int,
    epoch: int,
    samples: npt.NDArray[np.int64],
    occurrences: npt.NDArray[np.int64],
    count: int,
    purpose: Purpose = Purpose.AUGMENTATION,
) -> Draws:
    """Uniform numbers (B, count) in [0, 1) for the n-th occurrence of a sample in an epoch.

    A row depends on (seed, purpose, epoch, sample, occurrence) only: they are key and counter of the generator.
    """
    bits = np.random.Philox(np.random.SeedSequence([seed, purpose, epoch]))
    state = bits.state
    fresh = state["buffer_pos"]
    draw = np.random.Generator(bits)
    rows = np.empty((len(samples), count))
    for row, sample, occurrence in zip(rows, samples.tolist(), occurrences.tolist(), strict=True):
        # Setting the counter costs 3 us where a new generator costs 13; the lowest word counts the draws themselves.
        state["state"]["counter"] = np.array([0, occurrence, sample, 0], dtype=np.uint64)
        state["buffer_pos"] = fresh
        state["has_uint32"] = 0
        bits.state = state
        draw.random(out=row)
    return rows


def between(bounds: tuple[float, float], unit: _Unit) -> _Unit:
    """The numbers at the shares `unit` of the way from the lower to the upper bound."""
    low, high = bounds
    return low + (high - low) * unit
