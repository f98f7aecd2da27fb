"""Several objectives at once: who dominates whom, how crowded a front is, and the volume that it dominates.

Points are rows of (N, M) arrays without NaN, turned so that higher is better in every column. One point dominates
another when it is nowhere worse and somewhere better; equal points do not dominate each other.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["best_first", "crowding", "fronts", "hypervolume", "non_dominated"]

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]


def non_dominated(points: Floats) -> Bools:
    """Which of the points (N, M) no other one dominates (N,)."""
    first: Bools = fronts(points, most=1) == 0
    return first


def fronts(points: Floats, most: int | None = None) -> Ints:
    """The front (N,) of each point (N, M), counted from 0: non-dominated sorting (Deb et al. 2002, section III-A).

    A point of front k is dominated by one of front k - 1 and by none of its own. With `most`, only the first so many
    fronts are told apart; all other points get the number `most`. Two columns take N log N steps, more take N^2.
    """
    if points.shape[1] == 1:
        found: Ints = np.unique(-points[:, 0], return_inverse=True)[1].astype(np.int64)
    elif points.shape[1] == 2:
        found = _fronts_of_two(points)
    else:
        found = _fronts_of_many(points, most)
    return found if most is None else np.minimum(found, most)


def _fronts_of_two(points: Floats) -> Ints:
    """Sweep down the first column: a point is in the first front whose newest second value is below its own.

    Those values never rise from front to front, so that the front is found by bisection.
    """
    order = np.lexsort((-points[:, 1], -points[:, 0]))
    found = np.empty(len(points), dtype=np.int64)
    newest: list[float] = []  # of each front, with its sign turned: never falls
    before: list[float] = []
    place = 0
    for row, point in zip(order.tolist(), points[order].tolist(), strict=True):
        if point != before:  # equal points share their front
            place = bisect_right(newest, -point[1])
            newest[place : place + 1] = [-point[1]]
        before = point
        found[row] = place
    return found


def _fronts_of_many(points: Floats, most: int | None) -> Ints:
    """Each point's front by bisection over those before it (Zhang et al. 2015, ENS-BS).

    In lexicographic order nobody is dominated by a later point, and who is dominated by a front is so by every one
    before it. The first column never rises, so the others decide.
    """
    distinct, places = np.unique(points, axis=0, return_inverse=True)
    found = np.empty(len(distinct), dtype=np.int64)
    fronts_so_far: list[Floats] = []  # (M - 1, room)
    sizes: list[int] = []
    for row in range(len(distinct) - 1, -1, -1):
        rest = distinct[row, 1:, None]
        low, high = 0, len(sizes)
        while low < high:
            middle = (low + high) // 2
            if (fronts_so_far[middle][:, : sizes[middle]] >= rest).all(axis=0).any():
                low = middle + 1
            else:
                high = middle
        found[row] = low
        if low == most:
            continue
        if low == len(sizes):
            fronts_so_far.append(np.empty((len(rest), 4)))
            sizes.append(0)
        if sizes[low] == fronts_so_far[low].shape[1]:
            fronts_so_far[low] = np.tile(fronts_so_far[low], 2)
        fronts_so_far[low][:, sizes[low]] = rest[:, 0]
        sizes[low] += 1
    every: Ints = found[places.reshape(-1)]
    return every


def crowding(points: Floats) -> Floats:
    """Crowding distances (N,) of the points (N, M) of one front (Deb et al. 2002, section III-B); far is good.

    The sum over the columns of the distance between a point's two neighbours, as a share of the column's range;
    infinite at both ends of every column.
    """
    distances = np.zeros(len(points))
    for column in points.T:
        order = np.argsort(column, kind="stable")
        ranked = column[order]
        span = ranked[-1] - ranked[0]
        distances[order[[0, -1]]] = np.inf
        if span > 0:
            distances[order[1:-1]] += (ranked[2:] - ranked[:-2]) / span
    return distances


def best_first(points: Floats, most: int | None = None) -> Ints:
    """Rows (N,) of points (N, M) in the order of NSGA-II: by front, in a front the least crowded first.

    Ties keep their order. With `most`, the order of those that are not among the first so many is that of their rows.
    """
    rank = fronts(points)
    ordered: list[int] = []
    for front in range(int(rank.max(initial=-1)) + 1):
        if most is not None and len(ordered) >= most:
            break
        here = np.flatnonzero(rank == front)
        ordered += here[np.argsort(-crowding(points[here]), kind="stable")].tolist()
    rest = np.setdiff1d(np.arange(len(points)), ordered)
    return np.array([*ordered, *rest.tolist()], dtype=np.int64)


def hypervolume(points: Floats, reference: Floats) -> float:
    """The volume that points (N, M) dominate above `reference` (M,) (Zitzler & Thiele 1999), exactly.

    Points that are not above the reference in every column add nothing. By slicing along the last column (While et al.
    2006): fronts of two columns take N log N steps, each further column N times as many.
    """
    above = points[(points > reference).all(axis=1)]
    if not len(above):
        return 0.0
    return _volume(above[non_dominated(above)] - reference)


def _volume(points: Floats) -> float:
    """The volume of the union of the boxes from 0 to each point (N, M)."""
    if points.shape[1] == 1:
        return float(points.max())
    ranked = points[np.argsort(-points[:, -1], kind="stable")]
    if points.shape[1] == 2:
        heights = np.maximum.accumulate(ranked[:, 0])
        return float((heights * (ranked[:, 1] - np.append(ranked[1:, 1], 0.0))).sum())
    depths = ranked[:, -1] - np.append(ranked[1:, -1], 0.0)
    total = 0.0
    for count, depth in enumerate(depths.tolist(), start=1):
        if depth > 0:
            section = ranked[:count, :-1]
            total += depth * _volume(section[non_dominated(section)])
    return total
