"""Vision transformers, keys and numbers as in FastReID; overlapping patches and cameras as in TransReID."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from reid_core.modeling.backbones.transformer_block import LAYER_NORM_EPS, TransformerBlock

__all__ = ["VIT_SIZES", "VisionTransformer", "VitSize", "resize_positions"]


@dataclass(frozen=True, slots=True)
class VitSize:
    """What a name of `MODEL.BACKBONE.DEPTH` means. `scale` None: (width / heads) ** -0.5."""

    width: int
    depth: int
    heads: int
    mlp_ratio: float = 4.0
    qkv_bias: bool = True
    scale: float | None = None


VIT_SIZES = {
    "base": VitSize(768, 12, 12),
    "small": VitSize(768, 8, 8, mlp_ratio=3.0, qkv_bias=False, scale=768**-0.5),
    "deit_base": VitSize(768, 12, 12),
    "deit_small": VitSize(384, 12, 6),
}
"""FastReID's base and small, whose small is its own; DeiT's (Touvron et al., ICML 2021), as PersonViT's."""


class _Patches(nn.Module):
    """Patches of `patch` pixels every `stride` pixels: (B, 3, H, W) -> (B, D, rows, columns)."""

    def __init__(self, width: int, patch: int, stride: tuple[int, int]) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, patch, stride)
        nn.init.normal_(self.proj.weight, 0.0, math.sqrt(2.0 / (patch * patch * width)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.proj(x)
        return y


class VisionTransformer(nn.Module):
    """Dosovitskiy et al., "An Image is Worth 16x16 Words" (ICLR 2021): normalised images -> the class token.

    (B, 3, H, W) -> (B, feature_dim, 1, 1). Patches overlap where `stride` is below `patch` (He et al., "TransReID",
    ICCV 2021). There is a position embedding for each patch of an image of `image_size`; images of another size get
    it resized. `drop_path` grows from 0 in the first block to its value in the last.

    With `cameras` above 0, `camera_weight` times a learned vector of the image's camera is added to every token
    (TransReID's side information). Cameras are numbered 0 .. cameras - 1 or, as ReID data sets do, 1 .. cameras:
    both fit, row = camid modulo cameras. A camera outside, or one that is not known, gets the mean of all rows, so
    that unseen cameras can be evaluated.
    """

    def __init__(  # noqa: PLR0913 - each option stands for itself, and all but two have a default
        self,
        image_size: tuple[int, int],
        size: VitSize,
        *,
        patch: int = 16,
        stride: tuple[int, int] = (16, 16),
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        drop_path: float = 0.0,
        cameras: int = 0,
        camera_weight: float = 3.0,
    ) -> None:
        super().__init__()
        if min(image_size) < patch:
            raise ValueError(f"images of {image_size} do not hold a patch of {patch} x {patch} pixels")
        self.feature_dim = size.width
        self.sees_cameras = cameras > 0
        self.camera_weight = camera_weight
        rows, columns = ((side - patch) // step + 1 for side, step in zip(image_size, stride, strict=True))
        self.grid = rows, columns
        self.cls_token = nn.Parameter(_drawn(1, 1, size.width))
        self.pos_embed = nn.Parameter(_drawn(1, 1 + rows * columns, size.width))
        if cameras > 0:
            self.sie_embed = nn.Parameter(_drawn(cameras, 1, size.width))
        self.patch_embed = _Patches(size.width, patch, stride)
        self.pos_drop = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(
            TransformerBlock(
                size.width,
                size.heads,
                mlp_ratio=size.mlp_ratio,
                qkv_bias=size.qkv_bias,
                scale=size.scale,
                dropout=dropout,
                attention_dropout=attention_dropout,
                drop_path=drop_path * index / max(1, size.depth - 1),
            )
            for index in range(size.depth)
        )
        self.norm = nn.LayerNorm(size.width, eps=LAYER_NORM_EPS)
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)

    def forward(self, x: torch.Tensor, camids: torch.Tensor | None = None) -> torch.Tensor:
        """(B, 3, H, W), camera ids (B,) or None where they are not known -> (B, feature_dim, 1, 1)."""
        patches = self.patch_embed(x)
        tokens = torch.cat((self.cls_token.expand(x.shape[0], -1, -1), patches.flatten(2).transpose(1, 2)), dim=1)
        grid: tuple[int, int] = (patches.shape[2], patches.shape[3])
        positions = self.pos_embed if grid == self.grid else resize_positions(self.pos_embed, self.grid, grid)
        tokens = tokens + positions
        if self.sees_cameras:
            tokens = tokens + self.camera_weight * self._camera_rows(camids)
        tokens = self.pos_drop(tokens)
        for block in self.blocks:
            tokens = block(tokens)
        # Only the class token leaves: norming each token for itself, the others need none.
        y: torch.Tensor = self.norm(tokens[:, 0])[:, :, None, None]
        return y

    def _camera_rows(self, camids: torch.Tensor | None) -> torch.Tensor:
        """(B,) camera ids, or None -> (B, 1, D), or (1, 1, D)."""
        mean = self.sie_embed.mean(dim=0, keepdim=True)
        if camids is None:
            return mean
        count = self.sie_embed.shape[0]
        known = (camids >= 0) & (camids <= count)
        return torch.cat((self.sie_embed, mean))[torch.where(known, camids % count, count)]


def _drawn(*shape: int) -> torch.Tensor:
    return nn.init.trunc_normal_(torch.empty(*shape), std=0.02)


def resize_positions(positions: torch.Tensor, old: tuple[int, int], new: tuple[int, int]) -> torch.Tensor:
    """Position embeddings (1, 1 + rows * columns, D), the class token's first, of grid `old` for `new`, bilinear."""
    first, rest = positions[:, :1], positions[:, 1:]
    plane = rest.reshape(1, *old, -1).permute(0, 3, 1, 2)
    resized = functional.interpolate(plane, size=new, mode="bilinear", align_corners=False)
    return torch.cat((first, resized.flatten(2).transpose(1, 2)), dim=1)
