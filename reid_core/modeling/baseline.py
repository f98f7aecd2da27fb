"""The standard architecture: normalise, backbone, head."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from reid_core.modeling.heads import EmbeddingHead, HeadOutputs

__all__ = ["Baseline"]


class Baseline(nn.Module):
    """FastReID's `Baseline`: one backbone, one head.

    Images are RGB, 0..255, (B, 3, H, W), uint8 or floating point; they are normalised here with `pixel_mean` and
    `pixel_std` (three numbers each, of 0..255), which are no part of the state dict.
    """

    pixel_mean: torch.Tensor
    pixel_std: torch.Tensor

    def __init__(
        self, backbone: nn.Module, head: EmbeddingHead, *, pixel_mean: Sequence[float], pixel_std: Sequence[float]
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.heads = head
        self.sees_cameras = bool(getattr(backbone, "sees_cameras", False))
        self.register_buffer("pixel_mean", torch.tensor(list(pixel_mean)).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("pixel_std", torch.tensor(list(pixel_std)).view(1, -1, 1, 1), persistent=False)

    @property
    def embedding_dim(self) -> int:
        """D, the width of the embeddings."""
        return self.heads.embedding_dim

    @property
    def metric_dim(self) -> int:
        """The width of `HeadOutputs.features`, what metric losses and class centers see."""
        return self.heads.metric_dim

    @property
    def num_classes(self) -> int:
        """C, the width of the logits."""
        return self.heads.num_classes

    def normalise(self, images: torch.Tensor) -> torch.Tensor:
        """Images of 0..255 -> (images - pixel_mean) / pixel_std, same shape (B, 3, H, W), in the buffers' precision."""
        return (images.to(self.pixel_mean.dtype) - self.pixel_mean) / self.pixel_std

    def feature_map(self, images: torch.Tensor, camids: torch.Tensor | None = None) -> torch.Tensor:
        """What the backbone makes of images of 0..255; `camids` (B,) for one that has an embedding of cameras."""
        normalised = self.normalise(images)
        features: torch.Tensor = self.backbone(normalised, camids) if self.sees_cameras else self.backbone(normalised)
        return features

    def forward(
        self, images: torch.Tensor, targets: torch.Tensor | None = None, camids: torch.Tensor | None = None
    ) -> torch.Tensor | HeadOutputs:
        """Embeddings (B, D) in evaluation, HeadOutputs while training.

        `targets`, (B,) class indices, are for classifiers with a margin; without them there is none. `camids`, (B,),
        are for backbones that know cameras; None where they are not known.
        """
        outputs: torch.Tensor | HeadOutputs = self.heads(self.feature_map(images, camids), targets)
        return outputs

    def outputs(
        self, images: torch.Tensor, targets: torch.Tensor | None = None, camids: torch.Tensor | None = None
    ) -> HeadOutputs:
        """`forward` of a model in training mode, typed: HeadOutputs."""
        outputs = self(images, targets, camids)
        if not isinstance(outputs, HeadOutputs):
            raise TypeError("outputs() needs a model in training mode; call train() first, or embed()")
        return outputs

    def embed(self, images: torch.Tensor, camids: torch.Tensor | None = None) -> torch.Tensor:
        """`forward` of a model in evaluation mode, typed: embeddings (B, D)."""
        embeddings = self(images, camids=camids)
        if not isinstance(embeddings, torch.Tensor):
            raise TypeError("embed() needs a model in evaluation mode; call eval() first, or outputs()")
        return embeddings
