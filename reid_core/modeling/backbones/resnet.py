"""ResNet with IBN, squeeze-excitation and non-local blocks, keys and numbers as in FastReID."""

from __future__ import annotations

from enum import StrEnum

from torch import nn

from reid_core.modeling.backbones.residual import BasicBlock, BlockOptions, Plan, ResidualNet
from reid_core.modeling.layers import IbnKind, Norm

__all__ = ["ResNet", "ResNetDepth"]


class ResNetDepth(StrEnum):
    """FastReID's spelling of `MODEL.BACKBONE.DEPTH`."""

    R18 = "18x"
    R34 = "34x"
    R50 = "50x"
    R101 = "101x"
    R152 = "152x"


_PLANS = {
    ResNetDepth.R18: Plan((2, 2, 2, 2), BasicBlock, non_local=(0, 0, 0, 0)),
    ResNetDepth.R34: Plan((3, 4, 6, 3), BasicBlock, non_local=(0, 0, 0, 0)),
    ResNetDepth.R50: Plan((3, 4, 6, 3), non_local=(0, 2, 3, 0)),
    ResNetDepth.R101: Plan((3, 4, 23, 3), non_local=(0, 2, 9, 0)),
    # FastReID's file has no 152; its non-local blocks follow depth 101.
    ResNetDepth.R152: Plan((3, 8, 36, 3), non_local=(0, 2, 9, 0)),
}


class ResNet(ResidualNet):
    """He et al., "Deep Residual Learning" (CVPR 2016), without pooling and classifier.

    (B, 3, H, W), normalised -> (B, feature_dim, H / 16, W / 16), or / 32 with `last_stride` 2. feature_dim is 512 up to
    depth 34, else 2048. IBN-a replaces the first normalisation of each block of layers 1 to 3, IBN-b normalises after
    the stem and layers 1 and 2. Squeeze-excitation ends each block. Non-local blocks follow the last blocks of layers 2
    and 3; as in FastReID, depths 18 and 34 have none, whatever `with_nl` says.
    """

    def __init__(
        self,
        depth: ResNetDepth = ResNetDepth.R50,
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
            BlockOptions(norm, ibn_kind if with_ibn else None, with_se),
            # FastReID pools without padding and rounds up; torchvision pads instead: other numbers, same shape.
            maxpool=nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=True),
            last_stride=last_stride,
            with_nl=with_nl,
        )
