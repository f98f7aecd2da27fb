"""A baseline that also compares each batch with a memory of past ones."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import nn

from reid_core.modeling.architectures.architecture import PixelStatistics
from reid_core.modeling.architectures.baseline import Baseline
from reid_core.modeling.architectures.memory import FeatureMemory
from reid_core.modeling.heads import BranchOutputs, EmbeddingHead, Outputs

__all__ = ["MoCo"]


class MoCo(Baseline):
    """FastReID's `MoCo`: the baseline and `loss_mb`, its features against a queue of the last `queue_size` images'.

    FastReID keeps the features of the network itself (`key_momentum` 0). Above 0 the queue is filled by a second
    encoder as in He et al., "Momentum Contrast" (CVPR 2020): key <- m key + (1 - m) network before every batch. It
    trains by nothing else, and is not part of the embedding. Queue and encoder are in the state dict.
    """

    def __init__(
        self,
        backbone: nn.Module,
        head: EmbeddingHead,
        pixels: PixelStatistics,
        *,
        queue_size: int,
        key_momentum: float = 0.0,
    ) -> None:
        super().__init__(backbone, head, pixels)
        self.memory = FeatureMemory(head.metric_dim, queue_size)
        self.key_encoder = _KeyEncoder(self, pixels, key_momentum) if key_momentum > 0.0 else None

    def _training_outputs(
        self, images: torch.Tensor, targets: torch.Tensor | None, camids: torch.Tensor | None
    ) -> Outputs:
        head = self.heads.classify(self.feature_map(images, camids), targets)
        follows = self.key_encoder is not None and self.training
        keys = self.key_encoder.keys(self, images, camids) if self.key_encoder and follows else head.features.detach()
        return {"": BranchOutputs(head.features, head.logits, head.plain_logits, keys, head.embedding)}

    def own_losses(self, outputs: Outputs, targets: torch.Tensor) -> dict[str, torch.Tensor]:
        """`loss_mb`; takes the batch into the memory."""
        features, keys = outputs[""].features, outputs[""].keys
        if features is None or keys is None:
            raise TypeError("these outputs are no MoCo model's: they lack features or keys")
        return {"loss_mb": self.memory(features, keys, targets)}


class _KeyEncoder(Baseline):
    """A copy of a model that follows it slowly and takes no gradient."""

    def __init__(self, model: Baseline, pixels: PixelStatistics, momentum: float) -> None:
        super().__init__(deepcopy(model.backbone), deepcopy(model.heads), pixels)
        self._momentum = momentum
        self.requires_grad_(requires_grad=False)

    @torch.no_grad()
    def keys(self, model: Baseline, images: torch.Tensor, camids: torch.Tensor | None) -> torch.Tensor:
        """Follow `model` by one step, then the features (B, D) of images."""
        torch._foreach_lerp_(_weights(self), _weights(model), 1.0 - self._momentum)
        return self.heads.classify(self.feature_map(images, camids)).features


def _weights(model: Baseline) -> list[torch.Tensor]:
    return [value.detach() for part in (model.backbone, model.heads) for value in part.parameters()]
