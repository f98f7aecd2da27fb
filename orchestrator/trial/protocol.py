"""What one segment of one trial is given and what it gives back.

Plain, picklable values only: a specification travels to another process or node and an outcome travels back.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeAlias

from orchestrator.trial.kinds import FailureKind
from reid_core import api
from reid_core.config import Values

__all__ = [
    "Beginning",
    "Best",
    "CheckpointRef",
    "Completed",
    "Failed",
    "FailureKind",
    "Infeasible",
    "Outcome",
    "Paused",
    "Resources",
    "SegmentContext",
    "SegmentSpec",
    "Trial",
]


@dataclass(frozen=True, slots=True)
class Resources:
    """What one segment takes: CPU threads, GPUs (a fraction shares one) and memory in GiB (0: not counted).

    `nodes` are those that its processes are spread over. A node must carry `labels` and have `custom` resources left.
    After `silence` seconds without a sign of life the segment counts as hung.
    """

    cpus: int = 1
    gpus: float = 0.0
    memory_gb: float = 0.0
    nodes: int = 1
    labels: Mapping[str, str] = field(default_factory=dict)
    custom: Mapping[str, float] = field(default_factory=dict)
    silence: float = 1800.0


@dataclass(frozen=True, slots=True)
class CheckpointRef:
    """A durable checkpoint: its path, the number of finished epochs in it, and its sha256."""

    path: str
    epoch: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a segment goes on from; with no checkpoint it begins anew. `forked` is as in SegmentSpec."""

    checkpoint: CheckpointRef | None
    forked: bool = False


@dataclass(frozen=True, slots=True)
class Best:
    """What makes an epoch a trial's best: more of `metric` (or less) than `value`, that of its best checkpoint."""

    metric: str
    maximize: bool = True
    value: float | None = None

    def after(self, metrics: Mapping[str, float]) -> Best | None:
        """What is the best with an epoch of these metrics; None when that epoch is no better."""
        value = metrics.get(self.metric, math.nan)
        worse = self.value is not None and (value <= self.value if self.maximize else value >= self.value)
        return None if math.isnan(value) or worse else replace(self, value=value)


@dataclass(frozen=True, slots=True)
class SegmentSpec:
    """Train `trial` from epoch `from_epoch` (0: new) up to and including `to_epoch`.

    `config` holds every configuration key (FastReID's flat names) with its value; `directory` is the
    trial's own folder for checkpoints and logs. (study, trial, epoch) makes the segment idempotent.
    `seed` is the trial's and the same in each of its segments. `protocol` says what it trains on and is measured on.
    `forked`: the checkpoint is another trial's, whose configuration may differ in what may change in training.
    Checkpoints that it saved at the epochs in `keep` stay: others may still go on from them.
    `costs` are those of the model (latency_ms, parameters, flops) that are to be among the metrics of every epoch;
    `measured` are the values of those that the trial reported before, which are not measured again.
    `micro_batches`: each batch is computed in so many times more parts than the configuration says, for memory's sake.
    `vault` is the URL that durable checkpoints are kept under (file, s3, memory ...); empty: in `directory` itself.
    `instead` is what it goes on from, in this order, when `checkpoint` turns out to be torn or gone.
    `best` tells which epoch's checkpoint is to reach the vault whatever comes after it; None: that of no such epoch.
    """

    study: str
    trial: int
    segment: int
    config: Values
    from_epoch: int
    to_epoch: int
    checkpoint: CheckpointRef | None
    seed: int
    directory: str
    resources: Resources = field(default_factory=Resources)
    protocol: api.Protocol = api.Protocol.VALIDATION
    forked: bool = False
    keep: tuple[int, ...] = ()
    costs: tuple[str, ...] = ()
    measured: Mapping[str, float] = field(default_factory=dict)
    micro_batches: int = 1
    vault: str = ""
    instead: tuple[Beginning, ...] = ()
    best: Best | None = None


class SegmentContext(Protocol):
    """How a running segment speaks to whoever runs it."""

    def report(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """`epoch` (counted from 1) is finished with these metrics. Call `save` before: no reported epoch is lost."""

    def save(self, checkpoint: CheckpointRef) -> None:
        """A checkpoint is durable on disk."""

    def should_stop(self) -> bool:
        """Whether to pause at the end of this epoch."""

    def should_leave(self) -> bool:
        """Whether to pause within this epoch, saving its middle; a trial that cannot pauses at its end."""

    def log(self, line: str) -> None:
        """One line for the trial's log."""


@dataclass(frozen=True, slots=True)
class Completed:
    """The segment reached `to_epoch`."""

    checkpoint: CheckpointRef


@dataclass(frozen=True, slots=True)
class Paused:
    """The segment was asked to stop and did; `checkpoint` is that of its last whole epoch."""

    checkpoint: CheckpointRef | None


@dataclass(frozen=True, slots=True)
class Infeasible:
    """This configuration cannot run (it counts as worst, and is never retried)."""

    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The segment broke. `retryable` says whether the same configuration may succeed elsewhere or later."""

    kind: FailureKind
    message: str
    retryable: bool


Outcome: TypeAlias = Completed | Paused | Infeasible | Failed


class Trial(Protocol):
    """One way to run a segment. Must be constructible in a worker process without arguments."""

    def run(self, spec: SegmentSpec, context: SegmentContext) -> Outcome:
        """Run the segment and say how it ended. Raises nothing but programming errors (kind `bug`)."""
