"""Vision transformers of timm, DeiT, DINO, TransReID and PersonViT: names agree, tokens and image sizes do not."""

from __future__ import annotations

import math

import torch
from torch import nn

from reid_core.modeling.backbones.vision_transformer import VisionTransformer, resize_positions
from reid_core.modeling.weights.reading import Tensors

__all__ = ["SKIPPED", "file_grid", "fit_transformer", "transformer_in"]

SKIPPED = ("dist_token", "mask_token", "masked_embed", "decoder_", "head_dist.", "pre_logits.", "norm_pre.")
"""What pretraining adds to a transformer and a backbone has no place for: distillation, masked images."""


def transformer_in(module: nn.Module) -> tuple[str, VisionTransformer] | None:
    """The vision transformer that `module` is or holds, and what its names begin with."""
    for name, part in module.named_modules():
        if isinstance(part, VisionTransformer):
            return (f"{name}." if name else "", part)
    return None


def fit_transformer(tensors: Tensors, module: nn.Module, notes: list[str]) -> dict[str, torch.Tensor]:
    """`tensors` with positions and cameras as the transformer in `module` wants them; `notes` hears what changed.

    Position embeddings for another image size or stride are resized; DeiT's distillation token, the second, is left
    out with its position. A camera table of another size stays out. Patches saved as a matrix become a convolution.
    """
    fitted = dict(tensors)
    found = transformer_in(module)
    if found is None:
        return fitted
    prefix, transformer = found
    positions = fitted.get(f"{prefix}pos_embed")
    if positions is not None and positions.dim() == 3:
        if f"{prefix}dist_token" in fitted and positions.shape[1] > 2:
            positions = torch.cat((positions[:, :1], positions[:, 2:]), dim=1)
        fitted[f"{prefix}pos_embed"] = _for_grid(positions, transformer.grid, notes)
    weight = fitted.get(f"{prefix}patch_embed.proj.weight")
    own = transformer.patch_embed.proj.weight
    if weight is not None and weight.dim() == 2 and weight.numel() == own.numel():
        fitted[f"{prefix}patch_embed.proj.weight"] = weight.reshape(own.shape)
    cameras = fitted.get(f"{prefix}sie_embed")
    if cameras is not None and (not transformer.sees_cameras or cameras.shape != transformer.sie_embed.shape):
        del fitted[f"{prefix}sie_embed"]
        notes.append(f"the camera embedding of {cameras.shape[0]} cameras in the file is left out")
    return fitted


def _for_grid(positions: torch.Tensor, grid: tuple[int, int], notes: list[str]) -> torch.Tensor:
    count = positions.shape[1] - 1
    if count == math.prod(grid) or count < 1:
        return positions
    old = file_grid(count, grid)
    notes.append("position embeddings of {} x {} patches resized to {} x {}".format(*old, *grid))
    return resize_positions(positions, old, grid)


def file_grid(count: int, grid: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of a file's `count` patches, which it does not say.

    A square where that is possible (ImageNet), else the rectangle whose shape is nearest to `grid`, the model's.
    """
    side = math.isqrt(count)
    if side * side == count:
        return side, side
    wanted = math.log(grid[0] / grid[1])
    sizes = [(rows, count // rows) for rows in range(1, count + 1) if count % rows == 0]
    return min(sizes, key=lambda size: abs(math.log(size[0] / size[1]) - wanted))
