"""Means of numbers by name, weighted by how many images each is a mean over."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

__all__ = ["Means"]


class Means:
    """Add the numbers of each batch, then read the means of the epoch. Exact in the order of additions."""

    def __init__(self) -> None:
        self._sums: dict[str, float] = defaultdict(float)
        self.images = 0

    def add(self, numbers: Mapping[str, float], images: int) -> None:
        """Take in the means over one batch of `images`."""
        for name, number in numbers.items():
            self._sums[name] += number * images
        self.images += images

    def state_dict(self) -> dict[str, Any]:
        """What `of` makes the same means of."""
        return {"sums": dict(self._sums), "images": self.images}

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> Means:
        """Means that go on from `state_dict()`."""
        means = cls()
        means._sums.update(state["sums"])
        means.images = state["images"]
        return means

    def values(self) -> dict[str, float]:
        """Name -> mean over all images so far; empty before the first batch."""
        return {name: total / self.images for name, total in self._sums.items()}
