"""Images through a model in evaluation mode: embeddings as rows of a numpy array."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import torch

from reid_core.data.loader import EvalBatch
from reid_core.engine.compute import Compute, memory_errors
from reid_core.engine.scaling import embed_scaled
from reid_core.modeling import Architecture
from reid_core.modeling.fusion import fused

_Rows = npt.NDArray[np.float32]

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

    Leaves the model in the mode it was in. A batch that the memory does not hold is passed in halves, and so are those
    after it: in evaluation mode an image's row does not depend on the others.
    """
    rows: list[npt.NDArray[np.float32]] = []

    def pass_one(batch: EvalBatch) -> npt.NDArray[np.float32]:
        camids = None if batch.camids is None else batch.camids.to(compute.device)
        with compute.autocast():
            return seen(compute.images(batch.images), camids).float().cpu().numpy()

    fitting = _in_fitting_parts(pass_one)
    with evaluation_mode(model), torch.inference_mode(), fused(model):
        for batch in batches:
            rows.extend(fitting(batch))
    return np.concatenate(rows) if rows else np.empty((0, width), np.float32)


def _in_fitting_parts(work: Callable[[EvalBatch], _Rows]) -> Callable[[EvalBatch], Iterator[_Rows]]:
    """`work` on parts of a batch that fit into the memory: half as many images each time that one does not.

    Raises what it raised when a single image does not fit either.
    """
    largest = 0  # images; 0: not known

    def parts(batch: EvalBatch) -> Iterator[_Rows]:
        nonlocal largest
        start, count = 0, len(batch.images)
        while start < count:
            size = min(largest or count, count - start)
            part = slice(start, start + size)
            some = EvalBatch(batch.images[part], None if batch.camids is None else batch.camids[part])
            try:
                with memory_errors():
                    found = work(some)
            except (torch.OutOfMemoryError, MemoryError):
                if size == 1:
                    raise
                largest = -(-size // 2)
                continue
            yield found
            start += size

    return parts


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
