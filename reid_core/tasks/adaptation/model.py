"""The baseline with a memory of clusters in place of its classifier."""

from __future__ import annotations

import torch

from reid_core.modeling import Architecture
from reid_core.modeling.architectures import Baseline, PixelStatistics
from reid_core.modeling.heads import EmbeddingHead, HeadOutputs, Outputs
from reid_core.tasks.adaptation.memory import ClusterMemory

__all__ = ["ClusterModel", "cluster_model"]


class ClusterModel(Baseline):
    """A Baseline whose logits are cosines to the means of clusters; its state dict is the Baseline's.

    The head's own class weights rest. `proxy_scale` 0 leaves the loss within cameras out. Targets are proxies
    (reid_core.tasks.adaptation.memory).
    """

    def __init__(
        self,
        backbone: torch.nn.Module,
        head: EmbeddingHead,
        pixels: PixelStatistics,
        memory: ClusterMemory,
        *,
        proxy_scale: float,
    ) -> None:
        super().__init__(backbone, head, pixels)
        self.memory = memory
        self._proxy_scale = proxy_scale

    def _training_outputs(
        self, images: torch.Tensor, targets: torch.Tensor | None, camids: torch.Tensor | None
    ) -> Outputs:
        del targets  # the classifier's margin knows no clusters
        head = self.heads.classify(self.feature_map(images, camids))
        if head.embedding is None:
            raise TypeError("the head gives no embedding to compare with clusters")
        logits = self.memory.logits(head.embedding)
        return {"": HeadOutputs(head.features, logits, logits, embedding=head.embedding)}

    def own_losses(self, outputs: Outputs, targets: torch.Tensor) -> dict[str, torch.Tensor]:
        """`loss_proxy` where it counts; takes the batch into the memory."""
        features = outputs[""].embedding
        if features is None:
            raise TypeError("these outputs are no ClusterModel's: they lack the embedding")
        losses = {}
        if self._proxy_scale > 0:
            losses["loss_proxy"] = self._proxy_scale * self.memory.loss_within_cameras(features, targets)
        self.memory.take_in(features.detach(), targets)
        return losses


def cluster_model(
    baseline: Architecture, pixels: PixelStatistics, *, temperature: float, momentum: float, proxy_scale: float
) -> ClusterModel:
    """The parts of `baseline` with a memory. Raises TypeError when it is no Baseline."""
    if type(baseline) is not Baseline:
        raise TypeError(
            f"{type(baseline).__name__} has no single embedding to cluster; the configuration's check says so"
        )
    memory = ClusterMemory(baseline.num_classes, baseline.embedding_dim, temperature=temperature, momentum=momentum)
    return ClusterModel(baseline.backbone, baseline.heads, pixels, memory, proxy_scale=proxy_scale)
