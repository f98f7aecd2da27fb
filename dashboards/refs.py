"""How paths of the API name things."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path

__all__ = ["StudyRef", "TrialRef"]

StudyRef = Annotated[str, Path(pattern=r"^[^/\\\s.][^/\\\s]*$", max_length=200, description="name, id or latest")]
TrialRef = Annotated[int, Path(ge=0, description="number of the trial")]
