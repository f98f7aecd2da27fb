"""Sorting, crowding and hypervolume against their definitions, written out slowly."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from orchestrator.events.pareto import best_first, crowding, fronts, hypervolume, non_dominated

# Few different values, so that ties and equal points are common.
POINTS = st.tuples(st.integers(1, 12), st.integers(1, 4)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.integers(0, 5).map(float))
)


def dominates(a, b) -> bool:
    return all(x >= y for x, y in zip(a, b, strict=True)) and any(x > y for x, y in zip(a, b, strict=True))


def slow_fronts(points) -> list[int]:
    """Take away the points that nobody dominates, again and again."""
    left, found, front = set(range(len(points))), [0] * len(points), 0
    while left:
        best = {i for i in left if not any(dominates(points[j], points[i]) for j in left)}
        for i in best:
            found[i] = front
        left, front = left - best, front + 1
    return found


def slow_volume(points, reference) -> float:
    """Count the unit cells of an integer grid that some point's box covers."""
    cells = itertools.product(*(range(int(low), 6) for low in reference))
    return float(
        sum(any(all(p >= c + 1 for p, c in zip(point, cell, strict=True)) for point in points) for cell in cells)
    )


@pytest.mark.slow
@given(POINTS)
def test_fronts_are_those_of_the_definition(points) -> None:
    assert fronts(points).tolist() == slow_fronts(points)
    assert non_dominated(points).tolist() == [front == 0 for front in slow_fronts(points)]


@pytest.mark.slow
@given(POINTS, st.integers(1, 3))
def test_the_first_fronts_are_the_same_when_only_they_are_asked_for(points, most) -> None:
    assert fronts(points, most).tolist() == [min(front, most) for front in slow_fronts(points)]


@pytest.mark.slow
@settings(deadline=None)
@given(POINTS, st.integers(0, 2))
def test_hypervolume_is_the_number_of_covered_cells(points, low) -> None:
    reference = np.full(points.shape[1], float(low))
    assert hypervolume(points, reference) == pytest.approx(slow_volume(points, reference))


@pytest.mark.slow
@given(POINTS, st.randoms())
def test_hypervolume_does_not_depend_on_the_order_and_never_falls(points, random) -> None:
    reference = np.full(points.shape[1], -1.0)
    order = random.sample(range(len(points)), len(points))
    assert hypervolume(points[order], reference) == pytest.approx(hypervolume(points, reference))
    assert hypervolume(points[:-1], reference) <= hypervolume(points, reference) + 1e-12


def test_crowding_is_the_sum_of_the_neighbours_distances() -> None:
    points = np.array([[0.0, 10.0], [1.0, 8.0], [3.0, 4.0], [4.0, 0.0]])
    assert crowding(points).tolist() == [np.inf, pytest.approx(3 / 4 + 6 / 10), pytest.approx(3 / 4 + 8 / 10), np.inf]


def test_order_is_by_front_then_by_crowding_then_by_age() -> None:
    points = np.array([[1.0, 1.0], [0.0, 10.0], [4.0, 0.0], [1.0, 8.0], [3.0, 4.0]])
    assert best_first(points).tolist() == [1, 2, 4, 3, 0]
    assert best_first(points, most=1).tolist() == [1, 2, 4, 3, 0]
    assert best_first(np.zeros((0, 2))).tolist() == []


def test_ten_thousand_points_of_two_objectives_are_sorted_quickly() -> None:
    import time

    points = np.random.default_rng(0).random((10_000, 2))
    began = time.process_time()
    fronts(points)
    assert time.process_time() - began < 0.5
