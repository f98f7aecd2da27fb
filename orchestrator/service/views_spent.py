"""What a study has cost and is expected to cost: hours of its trials, and of the GPUs that they took."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["SpentView"]


class SpentView(BaseModel):
    """Hours of all segments together, each counted for itself; GPU-hours are these times the GPUs of a trial."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    trial_hours: float = Field(0.0, description="hours of all segments so far; running ones count")
    trial_hours_planned: float | None = Field(None, description="of the whole plan at the pace so far; None: unknown")
    gpu_hours: float | None = Field(None, description="GPU-hours so far; None: trials take no GPU")
    gpu_hours_planned: float | None = Field(
        None, description="of the whole plan at the pace so far, at most the limit; None: unknown, or no GPU"
    )
