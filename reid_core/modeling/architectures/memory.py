"""A queue of the features of past batches, and the loss against it."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from reid_core.losses.pairwise import cosface_of_cosines
from reid_core.losses.precision import at_least_float32

__all__ = ["EMPTY", "FeatureMemory"]

EMPTY = -1
"""The class of a place of the queue that holds no image yet."""

_MARGIN, _GAMMA = 0.25, 32.0
"""FastReID's, which no key of its configuration changes."""


class FeatureMemory(nn.Module):
    """The features of the last `size` images, of unit length, with their classes: `queue` (D, K), `queue_label` (1, K).

    He et al., "Momentum Contrast" (CVPR 2020), with the classes as supervision: the loss is FastReID's pairwise
    cosface. Places that hold no image yet are neither positives nor negatives (in FastReID they are random images of
    class 0), an image is never its own positive wherever it stands in the queue, and K need not be a multiple of B.
    """

    queue: torch.Tensor
    queue_label: torch.Tensor
    queue_ptr: torch.Tensor

    def __init__(self, width: int, size: int) -> None:
        super().__init__()
        self.register_buffer("queue", functional.normalize(torch.randn(width, size), dim=0))
        self.register_buffer("queue_label", torch.full((1, size), EMPTY, dtype=torch.long))
        self.register_buffer("queue_ptr", torch.zeros(1, dtype=torch.long))

    def forward(self, features: torch.Tensor, keys: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Take in `keys` (B, D), then the loss of `features` (B, D) against the whole queue; targets (B,); a scalar."""
        places = self._take_in(keys, targets)
        labels = self.queue_label[0]
        same = targets[:, None] == labels[None, :]
        other = ~same & (labels != EMPTY)[None, :]
        itself = places[:, None] == torch.arange(len(labels), device=places.device)
        cosines = functional.normalize(at_least_float32(features)) @ self.queue
        return cosface_of_cosines(cosines, same & ~itself, other, margin=_MARGIN, gamma=_GAMMA)

    @torch.no_grad()
    def _take_in(self, keys: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Write the batch over the oldest entries; the places (B,) it has now."""
        size = self.queue.shape[1]
        if len(keys) > size:
            raise ValueError(f"a batch of {len(keys)} images does not fit in a memory of {size} (MODEL.QUEUE_SIZE)")
        places = (self.queue_ptr + torch.arange(len(keys), device=keys.device)) % size
        self.queue[:, places] = functional.normalize(at_least_float32(keys)).T.to(self.queue.dtype)
        self.queue_label[0, places] = targets
        self.queue_ptr.copy_((self.queue_ptr + len(keys)) % size)
        return places
