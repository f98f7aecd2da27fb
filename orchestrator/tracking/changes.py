"""What is to be written to one MLflow run, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

__all__ = ["PARENT_TAG", "STUDY_TAG", "TRIAL_TAG", "Point", "RunChange", "RunStatus"]

STUDY_TAG = "reid_tune.study"
TRIAL_TAG = "reid_tune.trial"
PARENT_TAG = "mlflow.parentRunId"


class RunStatus(StrEnum):
    """MLflow's words for where a run stands."""

    RUNNING = "RUNNING"
    SCHEDULED = "SCHEDULED"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    KILLED = "KILLED"

    @property
    def terminal(self) -> bool:
        """Whether MLflow gives a run in this status an end time."""
        return self in {RunStatus.FINISHED, RunStatus.FAILED, RunStatus.KILLED}


class Point(NamedTuple):
    """One value of one metric. `at_ms` is Unix time in milliseconds."""

    key: str
    value: float
    at_ms: int
    step: int


@dataclass(slots=True)
class RunChange:
    """Changes to the run of `trial` (None: the study's parent run), to be written together.

    Writing the same change twice leaves the same run. `texts` maps artifact paths to their content,
    `files` local files to the artifact folder that they go into. `at_ms` ends the run when `status` is terminal.
    """

    trial: int | None
    name: str
    started_ms: int
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    points: list[Point] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    status: RunStatus | None = None
    at_ms: int = 0
