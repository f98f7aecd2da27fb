"""KD: knowledge distillation, FastReID's keys and those of the further terms."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field

from reid_core.config.schema.section import Section, Texts

__all__ = ["Kd"]

_Weight: TypeAlias = Annotated[float, Field(gt=0.0)]
_Weights: TypeAlias = Annotated[tuple[_Weight, ...], Field(strict=False)]
_Stage: TypeAlias = Annotated[int, Field(ge=1, le=4)]
_Stages: TypeAlias = Annotated[tuple[_Stage, ...], Field(strict=False)]


class KdEma(Section):
    """KD.EMA."""

    enabled: bool = Field(default=False, description="a further teacher: the moving average of the student itself")
    momentum: float = Field(0.999, ge=0.0, lt=1.0, description="share of the old average kept at each iteration")


class KdLogits(Section):
    """KD.LOGITS."""

    name: str = Field(
        "js", description="how class probabilities are compared: js (FastReID), both ways; kl, Hinton's, one way"
    )
    scale: float = Field(1.0, ge=0.0, description="weight in the sum of losses; 0 leaves the logits out")
    temperature: float = Field(16.0, gt=0.0, description="what logits are divided by before the softmax")


class KdOverhaul(Section):
    """KD.OVERHAUL."""

    scale: float = Field(
        0.0,
        ge=0.0,
        description="weight of the distance of feature maps before their ReLU; 1 is FastReID's DistillerOverhaul",
    )
    layers: _Stages = Field((), description="which of the stages 1 to 4; empty: all that student and teacher have")


class KdRelation(Section):
    """KD.RELATION."""

    distance_scale: float = Field(
        0.0, ge=0.0, description="weight of the distances between the images of a batch (its paper: 25)"
    )
    angle_scale: float = Field(
        0.0, ge=0.0, description="weight of the angles between the images of a batch (its paper: 50)"
    )


class KdEmbedding(Section):
    """KD.EMBEDDING."""

    scale: float = Field(0.0, ge=0.0, description="weight of 1 - cosine of the student's and the teacher's embedding")


class Kd(Section):
    """KD. The trailing underscores keep pydantic's own name free; the keys have none."""

    model_config_: Texts = Field(
        (), description="configuration files of the teachers; a checkpoint of ours carries its own: '' in its place"
    )
    model_weights_: Texts = Field(
        (), description="files of the teachers: checkpoints of ours, FastReID's .pth with a MODEL_CONFIG, .onnx"
    )
    weights: _Weights = Field(
        (), description="how much each teacher counts, that of EMA last; empty: all the same. Their sum is made 1"
    )
    logits: KdLogits = KdLogits()
    overhaul: KdOverhaul = KdOverhaul()
    relation: KdRelation = KdRelation()
    embedding: KdEmbedding = KdEmbedding()
    ema: KdEma = KdEma()
    cache: str = Field(
        "auto",
        description="auto: where INPUT changes no image, ask a teacher once about each (not for OVERHAUL); off: always",
    )

    @property
    def enabled(self) -> bool:
        """Whether there is a teacher, and something to learn from it."""
        relation = self.relation.distance_scale + self.relation.angle_scale
        terms = self.logits.scale + self.overhaul.scale + relation + self.embedding.scale
        return (bool(self.model_weights_) or self.ema.enabled) and terms > 0.0
