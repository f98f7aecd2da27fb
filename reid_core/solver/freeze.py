"""Layers that rest for the first iterations of a training."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from reid_core.errors import ConfigError, Finding

__all__ = ["LayerFreeze"]


class LayerFreeze:
    """Keeps the parameters of some children of a model as they are for the first `iterations` iterations.

    A function of the iteration alone: a run resumed inside or after the freeze goes on as it would have
    (FastReID counts anew). Normalisation statistics go on moving, as in FastReID. Parameters that never train
    (BNNeck's bias) stay frozen. Build the optimiser before the first call.
    """

    def __init__(self, model: nn.Module, layers: Sequence[str], iterations: int) -> None:
        children = dict(model.named_children())
        unknown = [name for name in layers if name and name not in children]
        if unknown:
            raise ConfigError(
                Finding(
                    "unknown-name",
                    f"MODEL.FREEZE_LAYERS: the model has no part {unknown[0]!r}",
                    hint=f"its parts: {', '.join(children)}",
                    key="MODEL.FREEZE_LAYERS",
                )
            )
        self._iterations = iterations
        self._parameters = [
            parameter for name in layers if name for parameter in children[name].parameters() if parameter.requires_grad
        ]
        self._frozen = False

    def apply(self, iteration: int) -> None:
        """Before the forward pass of `iteration` (from 0): freeze or release. Cheap when nothing changes."""
        frozen = iteration < self._iterations
        if frozen == self._frozen:
            return
        self._frozen = frozen
        for parameter in self._parameters:
            parameter.requires_grad_(not frozen)
            parameter.grad = None
