"""One trial of a study as its log tells it: where it stands, what it reported, its newest checkpoint."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from orchestrator.events.log import Origin
from orchestrator.trial.kinds import FailureKind
from reid_core.config import Values

__all__ = ["Checkpoint", "Running", "TrialState", "TrialStatus"]


class TrialStatus(StrEnum):
    """Where a trial stands. A resting trial waits, checkpointed, on a rung until it is advanced."""

    WAITING = "waiting"
    RUNNING = "running"
    RESTING = "resting"
    COMPLETED = "completed"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The newest durable checkpoint of a trial."""

    path: str
    epoch: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Running:
    """A segment that is under way. `worker` is `node:pid` on a cluster, once it is known."""

    segment: int
    trial: int
    from_epoch: int
    to_epoch: int
    attempt: int
    started: float
    worker: str = ""


@dataclass(slots=True)
class TrialState:
    """One trial: its configuration, where it stands, every epoch it reported. A fork begins on `from_epoch`."""

    id: int
    values: Values
    origin: Origin
    reason: str
    bracket: int
    to_epoch: int
    status: TrialStatus = TrialStatus.WAITING
    epoch: int = 0
    history: dict[int, dict[str, float]] = field(default_factory=dict)
    checkpoint: Checkpoint | None = None
    before: Checkpoint | None = None  # the durable one before it, should it turn out to be torn
    best_checkpoint: Checkpoint | None = None  # by the first objective
    attempts: int = 0
    failures: list[tuple[FailureKind, str]] = field(default_factory=list)
    advance_reason: str = ""
    seconds: float = 0.0
    retry_from: int = 0
    message: str = ""
    row: str = ""
    seed: int | None = None
    parent: int | None = None
    from_epoch: int = 0
    replaces: int | None = None
    confirms: int | None = None
    rung_checkpoints: dict[int, Checkpoint] = field(default_factory=dict)  # for others to go on from
    pinned: bool = False
    promoted: str = ""  # who wants it on its next rung, until it is on the way

    @property
    def metrics(self) -> dict[str, float]:
        """Metrics of the last finished epoch; empty before the first."""
        return self.history.get(self.epoch, {})

    @property
    def has_arrived(self) -> bool:
        """Whether its checkpoint is on the rung that it was sent to: another segment would have nothing to do."""
        return self.checkpoint is not None and self.checkpoint.epoch >= self.to_epoch

    def at(self, epoch: int, metric: str) -> float | None:
        """The metric at an epoch, or None when it was not reported."""
        return self.history.get(epoch, {}).get(metric)
