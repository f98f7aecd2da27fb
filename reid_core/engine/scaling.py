"""One embedding of an image seen at several sizes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional

from reid_core.modeling import Architecture

__all__ = ["embed_scaled", "scaled_size"]


def scaled_size(size: tuple[int, int], scale: float) -> tuple[int, int]:
    """Height and width, in whole pixels, of images of `size` at `scale`."""
    height, width = size
    return max(1, round(height * scale)), max(1, round(width * scale))


def embed_scaled(
    model: Architecture, images: torch.Tensor, camids: torch.Tensor | None, *, flip: bool, scales: Sequence[float]
) -> torch.Tensor:
    """Embeddings (B, D) of images (B, 3, H, W) of 0..255, with `flip` the sum of an image's and its mirror image's.

    With one scale of 1 they are the model's; else the sum over `scales` (factors of height and width, bilinear and
    smoothed where they shrink) of the embeddings of each, normalised first: no size counts more than another.
    """
    if tuple(scales) == (1.0,):
        return _embedded(model, images, camids, flip=flip)
    size = (images.shape[2], images.shape[3])
    parts = []
    for scale in scales:
        wanted = scaled_size(size, scale)
        seen = images if wanted == size else _resized(images, wanted)
        parts.append(functional.normalize(_embedded(model, seen, camids, flip=flip).float()))
    return torch.stack(parts).sum(0)


def _embedded(model: Architecture, images: torch.Tensor, camids: torch.Tensor | None, *, flip: bool) -> torch.Tensor:
    features = model.embed(images, camids)
    return features + model.embed(images.flip(3), camids) if flip else features


def _resized(images: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Grey levels stay whole numbers, as those of decoded images are."""
    resized = functional.interpolate(images.float(), size, mode="bilinear", align_corners=False, antialias=True)
    return resized.round().clamp(0, 255)
