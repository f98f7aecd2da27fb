"""MODEL.LOSSES: which losses are summed, and the settings of each."""

from __future__ import annotations

from pydantic import Field

from reid_core.config.schema.section import Section, Texts

__all__ = ["Losses"]


class CrossEntropy(Section):
    """MODEL.LOSSES.CE."""

    epsilon: float = Field(0.0, ge=-1.0, lt=1.0, description="label smoothing; 0 is off, -1 adapts it (FastReID)")
    alpha: float = Field(0.2, ge=0.0, le=1.0, description="strength of adaptive smoothing, when EPSILON is -1")
    spread: str = Field(
        "other_classes",
        description="where smoothing goes: other_classes (FastReID), or all_classes, the target too (Bag of Tricks)",
    )
    scale: float = Field(1.0, ge=0.0, description="weight in the sum of losses")


class Triplet(Section):
    """MODEL.LOSSES.TRI."""

    margin: float = Field(0.3, ge=0.0, description="margin of the hinge; 0 is the soft margin, as in FastReID")
    norm_feat: bool = Field(default=False, description="compare features of unit length")
    hard_mining: bool = Field(
        default=False, description="hardest positive and negative of the batch; off: weighted by distance"
    )
    soft_margin: bool = Field(
        default=False, description="log(1 + exp(d_ap - d_an)) in place of the hinge; MARGIN rests"
    )
    scale: float = Field(1.0, ge=0.0, description="weight in the sum of losses")


class BinaryCrossEntropy(Section):
    """MODEL.LOSSES.BCE."""

    weight_enabled: bool = Field(
        default=True, description="weight an attribute's answers by their rarity in training (Li et al. 2015, DeepMAR)"
    )
    scale: float = Field(1.0, ge=0.0, description="weight in the sum of losses")


class Center(Section):
    """MODEL.LOSSES.CENTER."""

    scale: float = Field(0.0005, gt=0.0, description="weight in the sum of losses (Bag of Tricks: 0.0005)")
    lr: float = Field(0.5, gt=0.0, description="learning rate of the centers, plain SGD on the unweighted loss")


class Circle(Section):
    """MODEL.LOSSES.CIRCLE."""

    margin: float = Field(0.25, ge=0.0, le=1.0, description="relaxation margin of the circle loss")
    gamma: int = Field(128, ge=1, description="scale of the similarities")
    scale: float = Field(1.0, ge=0.0, description="weight in the sum of losses")


class Cosface(Section):
    """MODEL.LOSSES.COSFACE."""

    margin: float = Field(0.25, ge=0.0, le=1.0, description="margin on the cosine")
    gamma: int = Field(128, ge=1, description="scale of the similarities")
    scale: float = Field(1.0, ge=0.0, description="weight in the sum of losses")


class Focal(Section):
    """MODEL.LOSSES.FL."""

    alpha: float = Field(0.25, ge=0.0, le=1.0, description="balance factor")
    gamma: float = Field(2.0, ge=0.0, description="focusing exponent")
    scale: float = Field(1.0, ge=0.0, description="weight in the sum of losses")


class Losses(Section):
    """MODEL.LOSSES."""

    name: Texts = Field(("CrossEntropyLoss",), min_length=1, description="the losses that are summed")
    ce: CrossEntropy = CrossEntropy()
    bce: BinaryCrossEntropy = BinaryCrossEntropy()
    tri: Triplet = Triplet()
    center: Center = Center()
    circle: Circle = Circle()
    cosface: Cosface = Cosface()
    fl: Focal = Focal()
