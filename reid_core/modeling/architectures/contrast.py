"""Momentum contrast without labels: what makes two views of an image alike and different from all other images."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from reid_core.losses.precision import at_least_float32
from reid_core.modeling.architectures.architecture import Architecture, PixelStatistics
from reid_core.modeling.architectures.memory import EMPTY, FeatureMemory
from reid_core.modeling.heads import BranchOutputs, EmbeddingHead, Outputs

__all__ = ["ContrastSettings", "MoCoV2", "ViewMemory"]


@dataclass(frozen=True, slots=True)
class ContrastSettings:
    """`dim` numbers of a projection, `queue_size` keys, the key encoder's `momentum`, and the loss's `temperature`.

    `splits` is the number of parts whose batch norm statistics are computed apart.
    """

    dim: int = 128
    queue_size: int = 65536
    momentum: float = 0.999
    temperature: float = 0.2
    splits: int = 2


class MoCoV2(Architecture):
    """He et al., "Momentum Contrast" (CVPR 2020) with the projection of Chen et al., "Improved Baselines" (2020).

    A batch holds two views of each image; `targets` (B,) say which rows are of one image. Every row is a query for the
    key of its image's other view, so both views learn; negatives are the other images in the queue, which holds the
    batch's own keys, too. The embedding is the pooled feature map: projection, key encoder and queue only train, and
    are in the state dict.

    Batch norm could tell a query its key by the statistics that they share. Several GPUs shuffle keys among them; on
    one device the rows are cut into `splits` parts, queries in their order and keys in a drawn one, each part with
    statistics of its own. The batch's own keys among the negatives leave less to win by it.
    """

    def __init__(
        self, backbone: nn.Module, head: EmbeddingHead, pixels: PixelStatistics, settings: ContrastSettings
    ) -> None:
        super().__init__(pixels)
        self.backbone = backbone
        self.pool_layer = head.pool_layer
        self.projector = _projector(head.feature_dim, settings.dim)
        self.key_encoder = _KeyEncoder(self, settings.momentum)
        self.memory = ViewMemory(settings.dim, settings.queue_size, settings.temperature)
        self._widths = head.feature_dim, settings.dim
        self._splits = settings.splits

    @property
    def embedding_dim(self) -> int:
        """D, the width of the pooled feature map."""
        return self._widths[0]

    @property
    def metric_dims(self) -> Mapping[str, int]:
        """The width of the projections."""
        return {"": self._widths[1]}

    @property
    def num_classes(self) -> int:
        """None: there is no classifier."""
        return 0

    def feature_map(self, images: torch.Tensor, camids: torch.Tensor | None = None) -> torch.Tensor:
        """What the backbone makes of images of 0..255."""
        del camids
        features: torch.Tensor = self.backbone(self.normalise(images))
        return features

    def project(self, images: torch.Tensor) -> torch.Tensor:
        """Projections (B, dim) of unit length, in float32 or better: what the loss compares."""
        return functional.normalize(at_least_float32(_projected(self, self.normalise(images))))

    def _training_outputs(
        self, images: torch.Tensor, targets: torch.Tensor | None, camids: torch.Tensor | None
    ) -> Outputs:
        del targets, camids
        normalised = self.normalise(images)
        rows = torch.arange(len(images), device=images.device)
        queries = _in_parts(self, normalised, rows, self._splits)
        keys = queries.detach()
        if self.training:
            # The order is drawn on the CPU: the same on every device.
            keys = self.key_encoder.keys(self, normalised, torch.randperm(len(images)).to(rows.device), self._splits)
        return {"": BranchOutputs(features=queries, keys=keys)}

    def _embeddings(self, images: torch.Tensor, camids: torch.Tensor | None) -> torch.Tensor:
        return _pooled(self.pool_layer, self.feature_map(images, camids))

    def own_losses(self, outputs: Outputs, targets: torch.Tensor) -> dict[str, torch.Tensor]:
        """`loss_contrast`; takes the batch into the memory."""
        features, keys = outputs[""].features, outputs[""].keys
        if features is None or keys is None:
            raise TypeError("these outputs are no MoCoV2 model's: they lack features or keys")
        return {"loss_contrast": self.memory(features, keys, targets)}


class ViewMemory(FeatureMemory):
    """The keys of past views with the number of the image they show, and InfoNCE against them."""

    def __init__(self, width: int, size: int, temperature: float) -> None:
        super().__init__(width, size)
        self._temperature = temperature

    def forward(self, features: torch.Tensor, keys: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Take in `keys` (B, D), then the mean InfoNCE loss (He et al. 2020, equation 1) of `features` (B, D).

        `targets` (B,) number the images, each of which has two rows. A query's positive is the key of the other row
        of its image; older keys of the same image, which a small data set leaves in the queue, are no negatives.
        """
        partner = self._partners(targets)
        places = self._take_in(keys, targets)
        labels = self.queue_label[0]
        logits = functional.normalize(at_least_float32(features)) @ self.queue / self._temperature
        positive = logits.gather(1, places[partner][:, None])
        negative = (targets[:, None] != labels[None, :]) & (labels != EMPTY)[None, :]
        against = torch.cat([positive, logits.masked_fill(~negative, -torch.inf)], dim=1)
        return functional.cross_entropy(against, torch.zeros_like(targets))

    @staticmethod
    def _partners(targets: torch.Tensor) -> torch.Tensor:
        """For each row the other row (B,) of its image. ValueError where there is not exactly one."""
        same = targets[:, None] == targets[None, :]
        if not bool((same.sum(1) == 2).all()):
            raise ValueError("a batch of MoCoV2 holds two views of each image; use the task pretraining")
        others: torch.Tensor = (same & ~torch.eye(len(targets), dtype=torch.bool, device=targets.device)).int()
        return others.argmax(1)


class _KeyEncoder(nn.Module):
    """A copy of backbone, pooling and projection that follows the model slowly and takes no gradient."""

    def __init__(self, model: MoCoV2, momentum: float) -> None:
        super().__init__()
        self.backbone = deepcopy(model.backbone)
        self.pool_layer = deepcopy(model.pool_layer)
        self.projector = deepcopy(model.projector)
        self._momentum = momentum
        self.requires_grad_(requires_grad=False)

    @torch.no_grad()
    def keys(self, model: MoCoV2, normalised: torch.Tensor, order: torch.Tensor, splits: int) -> torch.Tensor:
        """Follow `model` by one step, then the keys (B, dim) of images, computed in `order` (B,) and `splits` parts."""
        torch._foreach_lerp_(_weights(self), _weights(model), 1.0 - self._momentum)
        return _in_parts(self, normalised, order, splits)


def _projector(width: int, dim: int) -> nn.Sequential:
    """Two layers, as MoCo v2 has them."""
    return nn.Sequential(nn.Linear(width, width), nn.ReLU(inplace=True), nn.Linear(width, dim))


def _pooled(pool: nn.Module, feature_map: torch.Tensor) -> torch.Tensor:
    """(B, D) of a feature map (B, D, h, w), or (B, D) where nothing is left to pool."""
    if feature_map.dim() == 2:
        feature_map = feature_map[:, :, None, None]
    pooled: torch.Tensor = pool(feature_map)
    return pooled.flatten(1)


def _projected(encoder: MoCoV2 | _KeyEncoder, normalised: torch.Tensor) -> torch.Tensor:
    projections: torch.Tensor = encoder.projector(_pooled(encoder.pool_layer, encoder.backbone(normalised)))
    return projections


def _in_parts(
    encoder: MoCoV2 | _KeyEncoder, normalised: torch.Tensor, order: torch.Tensor, splits: int
) -> torch.Tensor:
    """Projections (B, dim) in the order of the rows, computed in `order` (B,), `splits` parts one after the other.

    A small batch makes fewer parts: one image alone has no statistics.
    """
    count = max(1, min(splits, len(order) // 2))
    parts = [_projected(encoder, normalised[rows]) for rows in order.tensor_split(count)]
    return torch.cat(parts)[order.argsort()]


def _weights(encoder: nn.Module) -> list[torch.Tensor]:
    parts = (encoder.backbone, encoder.pool_layer, encoder.projector)
    return [value.detach() for part in parts for value in part.parameters()]  # type: ignore[union-attr]
