"""The algorithms by name, and how a study's own one is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.events import StudyCreated
from orchestrator.search.freeze_thaw import FreezeThaw
from orchestrator.search.grid_search import GRID, GridSearch
from orchestrator.search.moves import Advance, Algorithm, Move, NewTrial
from orchestrator.search.samplers.bohb import make_bohb
from orchestrator.search.samplers.random_sampler import make_random
from reid_core.errors import Finding, SpaceError

__all__ = ["ALGORITHMS", "Advance", "Algorithm", "Listed", "Move", "NewTrial", "make_algorithm"]


@dataclass(frozen=True, slots=True)
class Listed:
    """An algorithm as help and forms show it."""

    make: Callable[[StudyCreated], Algorithm]
    description: str


ALGORITHMS: dict[str, Listed] = {
    "bohb": Listed(make_bohb, "Hyperband's brackets; configurations from kernel densities of good and bad ones"),
    "freeze-thaw": Listed(FreezeThaw, "one Gaussian process over configuration and epoch; the most promising goes on"),
    GRID: Listed(GridSearch, "every configuration of a finite list, in full, with as many seeds as asked for"),
    "random": Listed(make_random, "Hyperband's brackets; random configurations after the recipe's own"),
}


def make_algorithm(created: StudyCreated) -> Algorithm:
    """The study's algorithm. Raises SpaceError with the known names when there is none of that name."""
    listed = ALGORITHMS.get(created.algorithm)
    if listed is None:
        known = ", ".join(ALGORITHMS)
        message = f"{created.algorithm!r} is not an algorithm"
        raise SpaceError(Finding("unknown-algorithm", message, key="search.algorithm", hint=f"known: {known}"))
    return listed.make(created)
