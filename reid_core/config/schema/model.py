"""MODEL: backbone, head, losses, normalisation."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field

from reid_core.config.schema.losses import Losses
from reid_core.config.schema.pretraining import Contrast
from reid_core.config.schema.section import Channels, Fraction, Section, Texts

__all__ = ["Backbone", "Heads", "Model", "Pfc"]

_Stride: TypeAlias = Annotated[int, Field(ge=1, le=64)]
_Strides: TypeAlias = Annotated[tuple[_Stride, _Stride], Field(strict=False)]
_Deviation: TypeAlias = Annotated[float, Field(gt=0.0)]
_Deviations: TypeAlias = Annotated[
    tuple[_Deviation, _Deviation, _Deviation],
    Field(strict=False),
]


class Backbone(Section):
    """MODEL.BACKBONE."""

    name: str = Field(
        "build_resnet_backbone",
        description="which network computes the feature map; package.module:function is one of your own",
    )
    depth: str = Field(
        "50x",
        description="size of the network, spelled as in FastReID; for one without depths 50x is its standard size",
    )
    last_stride: int = Field(
        1, ge=1, le=2, description="stride of the last stage, in families that read it; 1 doubles the feature map"
    )
    feat_dim: int = Field(
        2048, ge=1, description="width of the feature map; follows from NAME and DEPTH, kept for FastReID's files"
    )
    norm: str = Field("BN", description="normalisation layers")
    with_ibn: bool = Field(
        default=False, description="instance normalisation beside batch normalisation (IBN-Net); IBN_KIND says where"
    )
    ibn_kind: str = Field(
        "a", description="a: on half of the channels inside blocks (FastReID's); b: after the stem and stages 1 and 2"
    )
    with_nl: bool = Field(default=False, description="non-local blocks; none at ResNet's depths 18x and 34x")
    with_se: bool = Field(default=False, description="squeeze-and-excitation blocks")
    pretrain: bool = Field(default=False, description="start from PRETRAIN_PATH; nothing is downloaded")
    pretrain_path: str = Field("", description="file of ImageNet weights; loaded when given, whatever PRETRAIN says")
    sie_cameras: int = Field(
        0, ge=0, le=4096, description="cameras that a vision transformer learns a vector for (TransReID's SIE); 0: none"
    )
    sie_coe: float = Field(3.0, ge=0.0, description="weight of a vision transformer's camera embedding")
    stride_size: _Strides = Field((16, 16), description="distance of a vision transformer's patches")
    drop_path_ratio: Fraction = Field(0.1, description="stochastic depth of a vision transformer")
    drop_ratio: Fraction = Field(0.0, description="dropout of a vision transformer")
    att_drop_rate: Fraction = Field(0.0, description="attention dropout of a vision transformer")


class Pfc(Section):
    """MODEL.HEADS.PFC: a classifier that sees a sample of the classes in each step (partial FC)."""

    enabled: bool = Field(default=False, description="learn from the classes of the batch and a sample of the others")
    sample_rate: float = Field(
        0.1, gt=0.0, le=1.0, description="share of all classes that a step sees; 1 sees all of them"
    )


class Heads(Section):
    """MODEL.HEADS."""

    name: str = Field("EmbeddingHead", description="what turns the feature map into an embedding and logits")
    norm: str = Field("BN", description="normalisation layer of the neck")
    num_classes: int = Field(0, ge=0, description="identities of the classifier; 0 takes the training set's number")
    embedding_dim: int = Field(0, ge=0, le=65536, description="length of the embedding; 0 keeps the backbone's width")
    with_bnneck: bool = Field(
        default=False, description="batch norm between embedding and classifier, its bias frozen at 0"
    )
    neck_feat: str = Field(
        "before", description="which side of the neck the triplet and center losses see; test uses the side after it"
    )
    pool_layer: str = Field("GlobalAvgPool", description="how the feature map becomes a vector")
    parts: int = Field(6, ge=2, le=64, description="horizontal stripes of PCB, each with a head of its own")
    cls_layer: str = Field("Linear", description="classifier")
    margin: float = Field(0.0, ge=0.0, description="margin of Arc, Cos and Circle softmax")
    scale: float = Field(1.0, gt=0.0, description="scale of the logits of Arc, Cos and Circle softmax")
    pfc: Pfc = Pfc()


class Model(Section):
    """MODEL."""

    device: str = Field(
        "auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$", description="auto (a GPU where there is one), cpu, cuda, or cuda:N"
    )
    meta_architecture: str = Field("Baseline", description="how backbone and heads are put together")
    freeze_layers: Texts = Field((), description="parts that rest for SOLVER.FREEZE_ITERS iterations, as 'backbone'")
    queue_size: int = Field(8192, ge=1, description="past images that MoCo and MoCoV2 compare with")
    key_momentum: float = Field(
        0.0,
        ge=0.0,
        lt=1.0,
        description="share that the second encoder of MoCo and MoCoV2 keeps a step (0.999); 0: none, as FastReID",
    )
    contrast: Contrast = Contrast()
    backbone: Backbone = Backbone()
    heads: Heads = Heads()
    losses: Losses = Losses()
    pixel_mean: Channels = Field((123.675, 116.28, 103.53), description="mean of R, G, B in 0..255")
    pixel_std: _Deviations = Field((58.395, 57.120000000000005, 57.375), description="deviation of R, G, B in 0..255")
    weights: str = Field("", description="checkpoint of a whole model to start from")
