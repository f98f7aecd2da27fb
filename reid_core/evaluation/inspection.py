"""A ranking looked into, query by query: what stands first, which wrong image is nearest, which right one farthest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from reid_core.evaluation.distance import Array
from reid_core.evaluation.labels import Integers, Labels
from reid_core.evaluation.nearest import nearest

__all__ = ["NOTHING", "Lists", "ListsCollector", "Mark", "confusions"]

NOTHING = -1
"""Stands where there is no image: behind the end of a short list, or for a query without any of its kind."""

Places = npt.NDArray[np.int32]
Distances = npt.NDArray[np.float32]


class Mark(IntEnum):
    """What an image of a list is to its query. LEFT_OUT: the same identity in the same camera, which counts nowhere."""

    NONE = -1
    WRONG = 0
    RIGHT = 1
    LEFT_OUT = 2


@dataclass(frozen=True, slots=True, eq=False)
class Lists:
    """The beginning of each query's list and its two hardest images; positions are those in the gallery.

    positions, distances, marks: (Q, W), nearest first, behind the end NOTHING, NaN and Mark.NONE. They hold the images
    that count up to the `top` and, of those left out, the nearest that stand among them, at most `top` of these.
    nearest_wrong, farthest_right: (Q,) positions, and their distances (Q,) float32.
    """

    top: int
    positions: Places
    distances: Distances
    marks: npt.NDArray[np.int8]
    nearest_wrong: Places
    nearest_wrong_distance: Distances
    farthest_right: Places
    farthest_right_distance: Distances


class ListsCollector:
    """Gathers Lists from blocks of distances that are on their way to somebody else."""

    def __init__(self, labels: Labels, *, top: int = 20) -> None:
        if top < 1:
            raise ValueError(f"top is {top}; it must be 1 or more")
        queries = labels.query_pids.size
        self._labels, self._same = labels, labels.same_identity()
        width = 2 * top
        self._found = Lists(
            top=top,
            positions=np.full((queries, width), NOTHING, np.int32),
            distances=np.full((queries, width), np.nan, np.float32),
            marks=np.full((queries, width), Mark.NONE, np.int8),
            nearest_wrong=np.full(queries, NOTHING, np.int32),
            nearest_wrong_distance=np.full(queries, np.nan, np.float32),
            farthest_right=np.full(queries, NOTHING, np.int32),
            farthest_right_distance=np.full(queries, np.nan, np.float32),
        )

    def watch(self, blocks: Iterable[tuple[slice, Array]]) -> Iterator[tuple[slice, Array]]:
        """Yield the same (rows, distances), each after a look at it."""
        for part, block in blocks:
            for query, row in enumerate(block, start=part.start):
                self._look(query, row)
            yield part, block

    def result(self) -> Lists:
        """The lists of all blocks that came by."""
        return self._found

    def _look(self, query: int, row: Array) -> None:
        matches, out = self._labels.split(query, self._same[query])
        counted = np.array(row)
        counted[out] = np.inf
        (first,) = nearest([(slice(query, query + 1), counted[None])], self._found.top)
        first = first[np.isfinite(counted[first])]
        self._note(query, row, first, matches, self._among(row, first, out))
        if matches.size:
            farthest = matches[::-1][np.argmax(row[matches[::-1]])]  # of equal ones the last in gallery order
            self._found.farthest_right[query] = farthest
            self._found.farthest_right_distance[query] = row[farthest]
        counted[matches] = np.inf
        wrong = int(np.argmin(counted)) if counted.size else 0
        if counted.size and np.isfinite(counted[wrong]):
            self._found.nearest_wrong[query] = wrong
            self._found.nearest_wrong_distance[query] = row[wrong]

    def _among(self, row: Array, first: Integers, out: Integers) -> Integers:
        """Of the images left out those that stand among the `first`, nearest first; all of a list without others."""
        order = out[np.argsort(row[out], kind="stable")]
        if first.size == self._found.top:
            order = order[row[order] <= row[first[-1]]]
        return order[: self._found.top]

    def _note(self, query: int, row: Array, first: Integers, matches: Integers, left_out: Integers) -> None:
        shown = np.concatenate([first, left_out])
        kinds = np.where(np.isin(shown, matches), int(Mark.RIGHT), int(Mark.WRONG))
        kinds[first.size :] = Mark.LEFT_OUT
        order = np.lexsort((shown, row[shown]))
        found, length = self._found, shown.size
        found.positions[query, :length] = shown[order]
        found.distances[query, :length] = row[shown[order]]
        found.marks[query, :length] = kinds[order]


def confusions(lists: Lists, labels: Labels) -> list[tuple[int, int, int]]:
    """How often a query of one identity found another one first: (query's, found, queries), the most first.

    Queries whose first image that counts is right are not among them. Labels are as in `labels`.
    """
    counted = lists.marks != Mark.LEFT_OUT
    place = np.argmax(counted, axis=1)
    rows = np.arange(len(place))
    wrong = lists.marks[rows, place] == Mark.WRONG
    pairs = np.stack(
        [labels.query_pids[wrong], labels.gallery_pids[lists.positions[rows[wrong], place[wrong]]]], axis=1
    )
    kinds, counts = np.unique(pairs, axis=0, return_counts=True)
    order = np.lexsort((kinds[:, 1], kinds[:, 0], -counts))
    return [(int(kinds[at, 0]), int(kinds[at, 1]), int(counts[at])) for at in order]
