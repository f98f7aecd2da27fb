"""TASK.FACE: the pairs that a face model is measured on."""

from __future__ import annotations

from pydantic import Field

from reid_core.config.schema.section import Section

__all__ = ["Face"]


class Face(Section):
    """TASK.FACE."""

    pairs: str = Field(
        "", description="file of test pairs as LFW writes them, below DATASETS.ROOT; empty takes the one pairs.txt"
    )
    images: str = Field(
        "", description="folder of the test images, NAME/NAME_0001.jpg in it, below DATASETS.ROOT; empty finds it"
    )
    pairs_drawn: int = Field(
        300,
        ge=1,
        le=100_000,
        description="pairs of one person, and as many of two, in each of 10 folds: those of validation, and of the "
        "test where no file gives them",
    )
