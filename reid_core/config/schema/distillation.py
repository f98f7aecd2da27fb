"""KD: knowledge distillation, FastReID's keys."""

from __future__ import annotations

from pydantic import Field

from reid_core.config.schema.section import Section, Texts

__all__ = ["Kd"]


class KdEma(Section):
    """KD.EMA."""

    enabled: bool = Field(default=False, description="the teacher is a moving average of the student")
    momentum: float = Field(0.999, ge=0.0, lt=1.0, description="share of the old average kept")


class Kd(Section):
    """KD. The trailing underscores keep pydantic's own name free; the keys have none."""

    model_config_: Texts = Field((), description="configuration files of the teachers")
    model_weights_: Texts = Field((), description="checkpoints of the teachers")
    ema: KdEma = KdEma()
