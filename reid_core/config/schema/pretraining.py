"""MODEL.CONTRAST and TASK.PRETRAINING: self-supervised pre-training with momentum contrast."""

from __future__ import annotations

from pydantic import Field

from reid_core.config.schema.section import Section

__all__ = ["Contrast", "Pretraining"]


class Contrast(Section):
    """MODEL.CONTRAST: for MODEL.META_ARCHITECTURE MoCoV2, beside QUEUE_SIZE and KEY_MOMENTUM."""

    temperature: float = Field(0.2, gt=0.0, description="temperature of MoCoV2's loss; LUPerson takes 0.1 for persons")
    dim: int = Field(128, ge=2, le=65536, description="numbers of a projection that MoCoV2 compares")
    splits: int = Field(
        2, ge=1, le=64, description="parts of a batch with batch-norm statistics of their own, keys in a drawn order"
    )


class Pretraining(Section):
    """TASK.PRETRAINING."""

    identities: str = Field(
        "auto",
        description="auto: where the folder's layout says who is on an image, retrieval is measured for information; "
        "ignore: every image below the folder, whatever its name",
    )
