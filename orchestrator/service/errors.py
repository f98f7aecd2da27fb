"""The errors a front end answers with: reid_core's tree under the service's name, so pages import nothing lower."""

from reid_core.errors import (
    CheckpointError,
    Conflict,
    Finding,
    InvalidInput,
    NotFound,
    ReidTuneError,
    ServerUnreachable,
    SpaceError,
    TrainingDiverged,
    UsageError,
)

__all__ = [
    "CheckpointError",
    "Conflict",
    "Finding",
    "InvalidInput",
    "NotFound",
    "ReidTuneError",
    "ServerUnreachable",
    "SpaceError",
    "TrainingDiverged",
    "UsageError",
]
