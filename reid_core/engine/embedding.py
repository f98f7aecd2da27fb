"""Images through a model in evaluation mode: embeddings as rows of a numpy array."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import torch

from reid_core.data.loader import EvalBatch
from reid_core.engine.compute import Compute
from reid_core.engine.scaling import embed_scaled
from reid_core.modeling import Architecture
from reid_core.modeling.fusion import fused

__all__ = ["embeddings", "evaluation_mode", "passed"]


def embeddings(
    model: Architecture,
    batches: Iterable[EvalBatch],
    compute: Compute,
    *,
    flip: bool = False,
    scales: Sequence[float] = (1.0,),
) -> npt.NDArray[np.float32]:
    """Embeddings (N, D), not normalised, of batches of images, in their order.

    With `flip`, the sum of an image's and its mirror image's: normalising it is the caller's, once (FastReID
    normalises each first, then the mean again). `scales` are those of `embed_scaled`. Leaves the model in the mode it
    was in. Batch norms are computed inside the convolutions before them: the same function, a rounding apart.
    """

    def seen(images: torch.Tensor, camids: torch.Tensor | None) -> torch.Tensor:
        return embed_scaled(model, images, camids, flip=flip, scales=scales)

    return passed(seen, model, batches, compute, width=model.embedding_dim)


def passed(
    seen: Callable[[torch.Tensor, torch.Tensor | None], torch.Tensor],
    model: Architecture,
    batches: Iterable[EvalBatch],
    compute: Compute,
    *,
    width: int,
) -> npt.NDArray[np.float32]:
    """What `seen` makes of images and cameras with `model` in evaluation mode, (N, `width`), in the batches' order.

    Leaves the model in the mode it was in.
    """
    rows: list[npt.NDArray[np.float32]] = []
    with evaluation_mode(model), torch.inference_mode(), fused(model):
        for batch in batches:
            images = compute.images(batch.images)
            camids = None if batch.camids is None else batch.camids.to(compute.device)
            with compute.autocast():
                found = seen(images, camids)
            rows.append(found.float().cpu().numpy())
    return np.concatenate(rows) if rows else np.empty((0, width), np.float32)


@contextmanager
def evaluation_mode(model: torch.nn.Module) -> Iterator[None]:
    """In here every module is in evaluation mode; afterwards each is in the mode it was in."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
