"""`when`: which parameters are active in a configuration, and in which order to ask."""

from __future__ import annotations

from collections.abc import Mapping

from reid_core.config import Scalar, Value
from search_spaces.equality import index_of

__all__ = ["When", "allowed", "cycle", "holds", "parents_first"]

When = dict[str, Scalar | list[Scalar]]


def allowed(wanted: Scalar | list[Scalar]) -> list[Value]:
    """List the values that satisfy one entry of `when`."""
    return list(wanted) if isinstance(wanted, list) else [wanted]


def holds(when: When, values: Mapping[str, Value]) -> bool:
    """Whether every key of `when` has its value in `values`; an absent key never has."""
    return all(key in values and index_of(values[key], allowed(wanted)) is not None for key, wanted in when.items())


def parents_first(whens: Mapping[str, When]) -> list[str]:
    """Order the parameters so that each comes after those its `when` names. Raises ValueError on a circle."""
    order, stuck = _resolve(whens)
    if stuck:
        raise ValueError(f"`when` goes round in a circle among {', '.join(stuck)}")
    return order


def cycle(whens: Mapping[str, When]) -> list[str]:
    """Find parameters that wait for each other in a circle, first repeated at the end; empty if none do."""
    _, stuck = _resolve(whens)
    if not stuck:
        return []
    trail = [stuck[0]]
    while True:
        parent = next(key for key in whens[trail[-1]] if key in stuck)
        if parent in trail:
            return [*trail[trail.index(parent) :], parent]
        trail.append(parent)


def _resolve(whens: Mapping[str, When]) -> tuple[list[str], list[str]]:
    """Split into the order parents first, and those that never get their turn: each waits for another."""
    order: list[str] = []
    done: set[str] = set()
    left = list(whens)
    while left:
        ready = next((name for name in left if all(key in done or key not in whens for key in whens[name])), None)
        if ready is None:
            break
        order.append(ready)
        done.add(ready)
        left.remove(ready)
    return order, left
