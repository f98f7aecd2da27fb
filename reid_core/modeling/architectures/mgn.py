"""Multiple granularities: the whole image, its halves and its thirds, each with a branch of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy

import torch
from torch import nn

from reid_core.modeling.architectures.architecture import Architecture, PixelStatistics
from reid_core.modeling.architectures.stripes import stripes
from reid_core.modeling.backbones.residual import ResidualNet
from reid_core.modeling.heads import BranchOutputs, EmbeddingHead, HeadOutputs, Outputs

__all__ = ["MGN"]

# One forward pass of a branch: its whole map, then its stripes.
_Maps = tuple[torch.Tensor, ...]


class MGN(Architecture):
    """Wang et al., "Learning Discriminative Features with Multiple Granularities" (ACM MM 2018), in FastReID's form.

    A ResNet up to the first block of its third stage, then three copies of the rest: `b1` for the whole image, `b2`
    for halves, `b3` for thirds, the last two without the last stage's stride. Every map and stripe has a head and
    logits; metric losses see the three whole maps and, joined, the halves (`b22`) and thirds (`b33`). The embedding
    is all eight heads' embeddings, the whole maps' first. Pretrained weights are those of the ResNet, loaded before.
    """

    def __init__(self, backbone: ResidualNet, make_head: Callable[[], EmbeddingHead], pixels: PixelStatistics) -> None:
        super().__init__(pixels)
        self.backbone = nn.Sequential(
            backbone.conv1,
            backbone.bn1,
            backbone.relu,
            backbone.maxpool,
            backbone.layer1,
            backbone.layer2,
            backbone.layer3[0],
        )
        rest, last = nn.Sequential(*list(backbone.layer3)[1:]), backbone.layer4
        self.b1 = nn.Sequential(deepcopy(rest), deepcopy(last))
        self.b1_head = make_head()
        self.b2 = nn.Sequential(deepcopy(rest), _without_stride(last))
        self.b2_head, self.b21_head, self.b22_head = (make_head() for _ in range(3))
        self.b3 = nn.Sequential(deepcopy(rest), _without_stride(last))
        self.b3_head, self.b31_head, self.b32_head, self.b33_head = (make_head() for _ in range(4))

    @property
    def embedding_dim(self) -> int:
        """D, the width of the embeddings."""
        return 8 * self.b1_head.embedding_dim

    @property
    def metric_dims(self) -> Mapping[str, int]:
        """The width of `features` by branch."""
        width = self.b1_head.metric_dim
        return {"b1": width, "b2": width, "b22": 2 * width, "b3": width, "b33": 3 * width}

    @property
    def num_classes(self) -> int:
        """C, the width of the logits."""
        return self.b1_head.num_classes

    def feature_map(self, images: torch.Tensor, camids: torch.Tensor | None = None) -> torch.Tensor:
        """The map of the branch for the whole image."""
        del camids
        whole: torch.Tensor = self.b1(self.backbone(self.normalise(images)))
        return whole

    def _maps(self, images: torch.Tensor) -> tuple[torch.Tensor, _Maps, _Maps]:
        shared = self.backbone(self.normalise(images))
        whole, halves, thirds = self.b1(shared), self.b2(shared), self.b3(shared)
        return whole, (halves, *stripes(halves, 2)), (thirds, *stripes(thirds, 3))

    def _training_outputs(
        self, images: torch.Tensor, targets: torch.Tensor | None, camids: torch.Tensor | None
    ) -> Outputs:
        del camids
        whole, (halves, upper, lower), (thirds, top, middle, bottom) = self._maps(images)
        b21, b22 = self.b21_head.classify(upper, targets), self.b22_head.classify(lower, targets)
        b31, b32 = self.b31_head.classify(top, targets), self.b32_head.classify(middle, targets)
        b33 = self.b33_head.classify(bottom, targets)
        return {
            "b1": self.b1_head.classify(whole, targets),
            "b2": self.b2_head.classify(halves, targets),
            "b21": _logits_of(b21),
            "b22": _logits_of(b22, b21.features, b22.features),
            "b3": self.b3_head.classify(thirds, targets),
            "b31": _logits_of(b31),
            "b32": _logits_of(b32),
            "b33": _logits_of(b33, b31.features, b32.features, b33.features),
        }

    def _embedding_order(self, outputs: Outputs) -> Sequence[str]:
        del outputs
        return ("b1", "b2", "b3", "b21", "b22", "b31", "b32", "b33")

    def _embeddings(self, images: torch.Tensor, camids: torch.Tensor | None) -> torch.Tensor:
        del camids
        whole, (halves, upper, lower), (thirds, top, middle, bottom) = self._maps(images)
        pairs = (
            (self.b1_head, whole),
            (self.b2_head, halves),
            (self.b3_head, thirds),
            (self.b21_head, upper),
            (self.b22_head, lower),
            (self.b31_head, top),
            (self.b32_head, middle),
            (self.b33_head, bottom),
        )
        return torch.cat([head.embed(part)[1] for head, part in pairs], dim=1)


def _logits_of(head: HeadOutputs, *features: torch.Tensor) -> BranchOutputs:
    """The logits of one stripe, and with them the joined features of several, if any."""
    joined = torch.cat(features, dim=1) if features else None
    return BranchOutputs(features=joined, logits=head.logits, plain_logits=head.plain_logits, embedding=head.embedding)


def _without_stride(stage: nn.Sequential) -> nn.Sequential:
    """A copy of a ResNet's stage, with its weights, that leaves the size of its map as it is."""
    copy = deepcopy(stage)
    for layer in copy.modules():
        if isinstance(layer, nn.Conv2d):
            layer.stride = (1, 1)
    return copy
