"""What a benchmark is: rows with names, units and budgets, and the function that measures them.

Nothing heavy is imported here or at the top of a bench_*.py: the process that lists the rows must stay small, because
a child's peak memory starts from its parent's.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias, TypeVar

__all__ = [
    "Benchmark",
    "Budget",
    "Row",
    "Run",
    "Sample",
    "at_least",
    "at_least_times",
    "at_most",
    "at_most_times",
    "benchmark",
    "peak_megabytes",
    "registered",
    "seconds",
]

Chosen = TypeVar("Chosen")


@dataclass(frozen=True, slots=True)
class Budget:
    """A promise about a value, or (`of_ratio`) about value / peer."""

    limit: float
    at_most: bool
    of_ratio: bool = False

    def holds(self, value: float, ratio: float | None) -> bool | None:
        """Whether it is kept; None without the peer that it needs."""
        measured = ratio if self.of_ratio else value
        if measured is None:
            return None
        return measured <= self.limit if self.at_most else measured >= self.limit

    def __str__(self) -> str:
        return f"{'<=' if self.at_most else '>='} {self.limit:,g}{' x peer' if self.of_ratio else ''}"


def at_most(limit: float) -> Budget:
    """The value may not exceed `limit`."""
    return Budget(limit, at_most=True)


def at_least(limit: float) -> Budget:
    """The value may not fall below `limit`."""
    return Budget(limit, at_most=False)


def at_most_times(limit: float) -> Budget:
    """The value may be at most `limit` times the peer's."""
    return Budget(limit, at_most=True, of_ratio=True)


def at_least_times(limit: float) -> Budget:
    """The value must be at least `limit` times the peer's."""
    return Budget(limit, at_most=False, of_ratio=True)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `peer` says what is measured beside it in the same run."""

    name: str
    unit: str
    budget: Budget | None = None
    peer: str = ""


@dataclass(frozen=True, slots=True)
class Sample:
    """Repeated measurements of one row and, in the same order and unit, of its peer (or none). The medians count.

    `missing` says why there is nothing to measure here; then there are no values.
    """

    values: Sequence[float]
    peers: Sequence[float] = ()
    note: str = ""
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """What a benchmark function is given: whether sizes are reduced, and an empty folder of its own."""

    folder: Path
    quick: bool = False

    def size(self, full: Chosen, quick: Chosen) -> Chosen:
        """The one that this run asks for."""
        return quick if self.quick else full


Measure: TypeAlias = Callable[[Run], Sample | tuple[Sample, ...]]


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A function that measures `rows`, in their order, in a process of its own. `slow`: only when asked for."""

    rows: tuple[Row, ...]
    module: str
    function: str
    slow: bool = False
    timeout: float = 900.0


@dataclass(slots=True)
class _Registry:
    entries: list[Benchmark] = field(default_factory=list)


_REGISTRY = _Registry()


def registered() -> list[Benchmark]:
    """Everything registered so far, in order."""
    return list(_REGISTRY.entries)


def benchmark(*rows: Row, slow: bool = False, timeout: float = 900.0) -> Callable[[Measure], Measure]:
    """Register a function that returns one Sample for each of `rows`."""

    def register(measure: Measure) -> Measure:
        name = getattr(measure, "__name__", "")
        _REGISTRY.entries.append(Benchmark(rows, measure.__module__, name, slow, timeout))
        return measure

    return register


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def peak_megabytes() -> float:
    """The highest resident memory of this process so far, in 10^6 bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
