"""Networks whose blocks are simpler at inference than in training."""

from __future__ import annotations

from copy import deepcopy
from typing import Protocol, TypeVar, runtime_checkable

from torch import nn

__all__ = ["Reparameterisable", "reparameterised"]


Module = TypeVar("Module", bound=nn.Module)


@runtime_checkable
class Reparameterisable(Protocol):
    """A module that can put itself, in place, into a smaller form with the same output in eval mode."""

    def reparameterise(self) -> None:
        """Take the form for inference; nothing where that is taken already, or not possible."""
        ...


def reparameterised(model: Module) -> Module:
    """A copy of `model`, in eval mode, with every block in its form for inference; `model` itself stays as it is.

    Outputs equal those of `model` in eval mode up to rounding. The copy is not for training: its batch norms are part
    of the convolutions.
    """
    copy = deepcopy(model).eval()
    for module in list(copy.modules()):
        if isinstance(module, Reparameterisable):
            module.reparameterise()
    return copy
