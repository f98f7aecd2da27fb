"""An exponential moving average of a model's weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypedDict

import torch
from torch import nn

__all__ = ["AverageState", "WeightAverage"]


class AverageState(TypedDict):
    """What `WeightAverage.state_dict` saves."""

    updates: int
    values: dict[str, torch.Tensor]


class WeightAverage:
    """average <- m average + (1 - m) model after every optimiser step, over every floating-point state entry.

    m is `momentum`, but (1 + n) / (10 + n) after n updates while that is less, so that a short training does not
    evaluate its random start (as TensorFlow's moving averages). Normalisation statistics are averaged too: they belong
    to the averaged weights. Integer entries (counters) are copied.
    """

    def __init__(self, model: nn.Module, momentum: float) -> None:
        self._momentum = momentum
        self._updates = 0
        self._values = {name: value.detach().clone() for name, value in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Take in the model's present weights."""
        momentum = min(self._momentum, (1 + self._updates) / (10 + self._updates))
        self._updates += 1
        averages: list[torch.Tensor] = []
        currents: list[torch.Tensor] = []
        for name, current in model.state_dict().items():
            average = self._values[name]
            if average.is_floating_point():
                averages.append(average)
                currents.append(current)
            else:
                average.copy_(current)
        torch._foreach_lerp_(averages, currents, 1.0 - momentum)

    @contextmanager
    def applied_to(self, model: nn.Module) -> Iterator[None]:
        """Give `model` the average inside the block, and its own weights back after it, whatever happens."""
        self._swap(model)
        try:
            yield
        finally:
            self._swap(model)

    @torch.no_grad()
    def _swap(self, model: nn.Module) -> None:
        for name, current in model.state_dict().items():
            average = self._values[name]
            kept = current.clone()
            current.copy_(average)
            average.copy_(kept)

    def averaged_state(self) -> dict[str, torch.Tensor]:
        """A copy of the average, as a state dict of the model."""
        return {name: value.clone() for name, value in self._values.items()}

    def state_dict(self) -> AverageState:
        """Everything needed to go on; the tensors are live, save them before the next update."""
        return {"updates": self._updates, "values": self._values}

    def load_state_dict(self, state: AverageState) -> None:
        """Go on from `state_dict()` of an average of the same model; KeyError if it is another model's."""
        self._updates = state["updates"]
        for name, value in self._values.items():
            value.copy_(state["values"][name])
