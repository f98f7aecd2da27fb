"""Limits and earlier studies as plans, studies and reports show them."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["LimitView", "WarmStartView"]


class _View(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LimitView(_View):
    """What ends a search early, and how much of it is used: epochs, GPU-hours, seconds, or the best value so far."""

    kind: str = Field(description="epochs, gpu_hours, wall_time or target")
    used: float | None = Field(description="None: nothing is known yet")
    most: float = Field(description="the limit; for a target the value that is wanted")
    text: str


class WarmStartView(_View):
    """An earlier study whose results the search uses."""

    study: str
    results: int = Field(description="values at rungs of this study")
    same_data: bool = Field(
        description="its values can be compared with this study's; otherwise only their order counts"
    )
