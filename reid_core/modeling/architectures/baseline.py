"""The standard architecture: normalise, backbone, head."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from reid_core.modeling.architectures.architecture import Architecture, PixelStatistics
from reid_core.modeling.heads import EmbeddingHead, Outputs

__all__ = ["Baseline"]


class Baseline(Architecture):
    """FastReID's `Baseline`: one backbone, one head, one unnamed branch."""

    def __init__(self, backbone: nn.Module, head: EmbeddingHead, pixels: PixelStatistics) -> None:
        super().__init__(pixels)
        self.backbone = backbone
        self.heads = head
        self.sees_cameras = bool(getattr(backbone, "sees_cameras", False))

    @property
    def embedding_dim(self) -> int:
        """D, the width of the embeddings."""
        return self.heads.embedding_dim

    @property
    def metric_dim(self) -> int:
        """The width of the only branch's `features`."""
        return self.heads.metric_dim

    @property
    def metric_dims(self) -> Mapping[str, int]:
        """The width of `features` by branch."""
        return {"": self.metric_dim}

    @property
    def num_classes(self) -> int:
        """C, the width of the logits."""
        return self.heads.num_classes

    def feature_map(self, images: torch.Tensor, camids: torch.Tensor | None = None) -> torch.Tensor:
        """What the backbone makes of images of 0..255; `camids` (B,) for one that has an embedding of cameras."""
        normalised = self.normalise(images)
        features: torch.Tensor = self.backbone(normalised, camids) if self.sees_cameras else self.backbone(normalised)
        return features

    def scores(self, images: torch.Tensor, camids: torch.Tensor | None = None) -> torch.Tensor:
        """Class scores (B, C) without margin."""
        return self.heads.classify(self.feature_map(images, camids)).plain_logits

    def _training_outputs(
        self, images: torch.Tensor, targets: torch.Tensor | None, camids: torch.Tensor | None
    ) -> Outputs:
        return {"": self.heads.classify(self.feature_map(images, camids), targets)}

    def _embeddings(self, images: torch.Tensor, camids: torch.Tensor | None) -> torch.Tensor:
        return self.heads.embed(self.feature_map(images, camids))[1]
