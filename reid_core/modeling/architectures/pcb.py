"""A part-based model: horizontal stripes, each with a head and a classifier of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

import torch
from torch import nn

from reid_core.modeling.architectures.architecture import Architecture, PixelStatistics
from reid_core.modeling.architectures.stripes import stripes
from reid_core.modeling.heads import BranchOutputs, EmbeddingHead, Outputs

__all__ = ["PCB"]


class PCB(Architecture):
    """Sun et al., "Beyond Part Models" (ECCV 2018), the part-based convolutional baseline, without refined pooling.

    The feature map is cut into `parts` stripes; each is pooled, reduced, normalised and classified by a head of its
    own (branches `p1`, `p2` … from top to bottom, logits only). Metric losses see the features of all stripes joined
    (the unnamed branch), the embedding is all heads' embeddings joined. The paper sums the losses of the parts; here,
    as for every architecture, a loss is their mean: SCALE takes the number of parts to get the sum.
    """

    def __init__(
        self, backbone: nn.Module, make_head: Callable[[], EmbeddingHead], parts: int, pixels: PixelStatistics
    ) -> None:
        super().__init__(pixels)
        self.backbone = backbone
        self.heads = nn.ModuleList(make_head() for _ in range(parts))

    @property
    def embedding_dim(self) -> int:
        """D, the width of the embeddings."""
        return sum(head.embedding_dim for head in self._heads)

    @property
    def metric_dims(self) -> Mapping[str, int]:
        """The width of `features` by branch."""
        return {"": sum(head.metric_dim for head in self._heads)}

    @property
    def num_classes(self) -> int:
        """C, the width of the logits."""
        return self._heads[0].num_classes

    @property
    def _heads(self) -> list[EmbeddingHead]:
        return [cast("EmbeddingHead", head) for head in self.heads]

    def feature_map(self, images: torch.Tensor, camids: torch.Tensor | None = None) -> torch.Tensor:
        """What the backbone makes of images of 0..255, before it is cut."""
        del camids
        features: torch.Tensor = self.backbone(self.normalise(images))
        return features

    def _training_outputs(
        self, images: torch.Tensor, targets: torch.Tensor | None, camids: torch.Tensor | None
    ) -> Outputs:
        parts = stripes(self.feature_map(images, camids), len(self.heads))
        given = [head.classify(part, targets) for head, part in zip(self._heads, parts, strict=True)]
        outputs: Outputs = {"": BranchOutputs(features=torch.cat([one.features for one in given], dim=1))}
        for number, one in enumerate(given, start=1):
            outputs[f"p{number}"] = BranchOutputs(
                logits=one.logits, plain_logits=one.plain_logits, embedding=one.embedding
            )
        return outputs

    def _embeddings(self, images: torch.Tensor, camids: torch.Tensor | None) -> torch.Tensor:
        parts = stripes(self.feature_map(images, camids), len(self.heads))
        return torch.cat([head.embed(part)[1] for head, part in zip(self._heads, parts, strict=True)], dim=1)
