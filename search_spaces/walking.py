"""Configurations where uniform draws hardly ever satisfy the constraints: found by descent, and moved between.

`find` goes down on how far a configuration is from its constraints. `walk` is hit-and-run (Smith 1984): from a valid
configuration along a random line to a random valid place on it, so that in the long run all of the valid space is
visited evenly.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from reid_core.config import Value, Values
from search_spaces.encoding import Encoder, Vector

__all__ = ["find", "neighbour", "walk"]

_STARTS = 8
_FIRST = 64  # uniform points that a descent chooses its start from
_STEPS = 400
_WIDTHS = (0.003, 0.03, 0.3)
_SHRINKS = 24
_JUMPS = 6  # tries of a step that change unordered choices too


def find(encoder: Encoder, rng: np.random.Generator) -> Values | None:
    """A configuration that satisfies the constraints; None when a few descents reach none."""
    for _ in range(_STARTS):
        points = encoder.from_unit(rng.random((_FIRST, encoder.dims)))
        gaps = [encoder.shortfall(encoder.decode(point)) for point in points]
        point, gap = points[int(np.argmin(gaps))], min(gaps)
        for _ in range(_STEPS):
            if gap == 0:
                return encoder.decode(point)
            moved = neighbour(encoder, point, rng, float(rng.choice(_WIDTHS)))
            moved = np.where(rng.random(encoder.dims) < 0.5, moved, point)
            below = encoder.shortfall(encoder.decode(moved))
            if below <= gap:  # equally far too: what fails by yes or no has no slope
                point, gap = moved, below
    return None


def walk(encoder: Encoder, start: Mapping[str, Value], rng: np.random.Generator) -> Iterator[Values]:
    """Valid configurations without end, each a step from the one before; a step that finds no place stays there.

    `start` satisfies the constraints.
    """
    point, values = encoder.encode(start), dict(start)
    missing = np.isnan(point)
    point = np.where(missing, encoder.from_unit(rng.random(encoder.dims)), point)
    while True:
        for moved in _along_a_line(encoder, point, rng):
            reached = encoder.decode(moved)
            if encoder.broken(reached) is None:
                point, values = moved, reached
                break
        yield values


def neighbour(encoder: Encoder, middle: Vector, rng: np.random.Generator, width: float) -> Vector:
    """A point near `middle` (D,): normal steps of `width`, jumps of unordered choices, anything in place of NaN."""
    fresh = encoder.from_unit(rng.random(encoder.dims))
    steps = rng.normal(0.0, width, encoder.dims)
    jumps = rng.random(encoder.dims) < width
    # Reflection: 1.1 is 0.9, -0.1 is 0.1, and so on for longer steps.
    moved = 1.0 - np.abs(1.0 - np.mod(middle + steps, 2.0))
    near = np.where(encoder.kind == "c", moved, np.where(jumps, fresh, middle))
    return np.where(np.isnan(middle), fresh, near)


def _along_a_line(encoder: Encoder, point: Vector, rng: np.random.Generator) -> Iterator[Vector]:
    """Places on a random line through `point` (D,) inside the cube, each between `point` and the last on its side."""
    moving = rng.random(encoder.dims) < 0.5
    moving[rng.integers(encoder.dims)] = True
    numbers = encoder.kind == "c"
    direction = np.where(moving & numbers, rng.standard_normal(encoder.dims), 0.0)
    choices = np.where(moving & ~numbers, encoder.from_unit(rng.random(encoder.dims)), point)
    along = direction != 0.0
    ends = np.stack([-point[along], 1.0 - point[along]]) / direction[along]
    low = float(ends.min(axis=0).max(initial=-np.inf)) if along.any() else 0.0
    high = float(ends.max(axis=0).min(initial=np.inf)) if along.any() else 0.0
    for attempt in range(_SHRINKS):
        at = rng.uniform(min(low, 0.0), max(high, 0.0))
        stepped = np.clip(point + at * direction, 0.0, 1.0)
        yield np.where(numbers, stepped, choices if attempt < _JUMPS else point)
        low, high = (at, high) if at < 0 else (low, at)
