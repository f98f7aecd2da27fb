"""TASK.RETRIEVAL: how instance retrieval is measured."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field

from reid_core.config.schema.section import Section

__all__ = ["Retrieval"]

_Rank: TypeAlias = Annotated[int, Field(ge=1, le=1000)]


class Retrieval(Section):
    """TASK.RETRIEVAL."""

    recall_at: Annotated[tuple[_Rank, ...], Field(strict=False)] = Field(
        (1, 2, 4, 8, 10),
        min_length=1,
        description="k of the recalls at k that are reported; 1, 10, 100, 1000 for SOP, 1, 10, 20, 30 for In-shop",
    )
