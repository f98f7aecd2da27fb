"""The checkpoint of a model that nobody trained, for students to learn from."""

from __future__ import annotations

import torch

from reid_core.config import to_values
from reid_core.engine import checkpoint as checkpoints
from reid_core.modeling import build_model


def save_teacher(config, path, *, classes=6, seed=0):
    """The path of a checkpoint at `path`, as text; statistics and biases of the model are away from their start."""
    torch.manual_seed(seed)
    model = build_model(config, classes)
    with torch.no_grad():
        for value in model.state_dict().values():
            if value.is_floating_point() and value.dim() == 1:
                value.add_(0.3 * torch.rand_like(value))
    state = checkpoints.Checkpoint(
        epoch=1,
        seed=0,
        identities=classes,
        values=to_values(config),
        metrics={},
        best=None,
        model=model.state_dict(),
        parts={},
    )
    return str(checkpoints.save(state, path).path)
