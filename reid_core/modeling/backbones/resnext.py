"""ResNeXt 32x4d with IBN, squeeze-excitation and non-local blocks, keys and numbers as in FastReID."""

from __future__ import annotations

from enum import StrEnum

from torch import nn

from reid_core.modeling.backbones.residual import BlockOptions, Plan, ResidualNet
from reid_core.modeling.layers import IbnKind, Norm

__all__ = ["ResNeXt", "ResNeXtDepth"]


class ResNeXtDepth(StrEnum):
    """FastReID's spelling of `MODEL.BACKBONE.DEPTH`."""

    X50 = "50x"
    X101 = "101x"
    X152 = "152x"


# Unlike its ResNet, FastReID's ResNeXt has IBN-a in layer 4 too, and as many non-local blocks at every depth.
_PLANS = {
    ResNeXtDepth.X50: Plan((3, 4, 6, 3), ibn_a_stages=4),
    ResNeXtDepth.X101: Plan((3, 4, 23, 3), ibn_a_stages=4),
    ResNeXtDepth.X152: Plan((3, 8, 36, 3), ibn_a_stages=4),
}


class ResNeXt(ResidualNet):
    """Xie et al., "Aggregated Residual Transformations" (CVPR 2017), 32x4d, without pooling and classifier.

    (B, 3, H, W), normalised -> (B, 2048, H / 16, W / 16), or / 32 with `last_stride` 2. The 3 x 3 convolutions have 32
    groups. IBN-a replaces the first normalisation of every block, IBN-b normalises after the stem and layers 1 and 2.
    Squeeze-excitation (FastReID's ResNeXt has none) ends each block as in its ResNet; non-local blocks follow the last
    two blocks of layer 2 and the last three of layer 3.
    """

    def __init__(
        self,
        depth: ResNeXtDepth = ResNeXtDepth.X50,
        *,
        last_stride: int = 1,
        norm: Norm = Norm.BATCH,
        with_ibn: bool = False,
        ibn_kind: IbnKind = IbnKind.A,
        with_se: bool = False,
        with_nl: bool = False,
    ) -> None:
        super().__init__(
            _PLANS[depth],
            BlockOptions(norm, ibn_kind if with_ibn else None, with_se, groups=32, group_width=4),
            maxpool=nn.MaxPool2d(kernel_size=3, stride=2, padding=1),  # padded, unlike FastReID's ResNet
            last_stride=last_stride,
            with_nl=with_nl,
        )
