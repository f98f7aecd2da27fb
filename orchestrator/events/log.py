"""The events of a study's log. The log is the truth; everything else is a fold over it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from orchestrator.events.given import Asked, EarlierResult, Limits, Teacher
from orchestrator.events.keep import Keep
from orchestrator.events.plan import Plan
from orchestrator.trial.kinds import FailureKind
from reid_core.api import Protocol
from reid_core.config import Values
from search_spaces.model import Space

__all__ = [
    "CheckpointSaved",
    "CommandGiven",
    "CommandKind",
    "ControllerStarted",
    "EpochReported",
    "Event",
    "Logged",
    "NodeSetAside",
    "Origin",
    "OutcomeKind",
    "SegmentEnded",
    "SegmentPlaced",
    "SegmentStarted",
    "StudyCreated",
    "StudyEnded",
    "StudyStatus",
    "TrialSuggested",
    "event_from_json",
    "event_to_json",
]


class Origin(StrEnum):
    """Where a suggested configuration comes from."""

    DEFAULT = "default"
    PRIOR = "prior"
    MODEL = "model"
    RANDOM = "random"
    GRID = "grid"
    USER = "user"
    FORK = "fork"
    CONFIRM = "confirm"


class OutcomeKind(StrEnum):
    """How a segment ended."""

    COMPLETED = "completed"
    PAUSED = "paused"
    INFEASIBLE = "infeasible"
    FAILED = "failed"


class StudyStatus(StrEnum):
    """Where a study stands; QUEUED waits for the daemon.

    INTERRUPTED is never in a log: it is a running study whose controller is gone.
    """

    CREATED = "created"
    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    STOPPED = "stopped"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


class CommandKind(StrEnum):
    """What a person may ask of a running study or of one trial in it."""

    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"
    TRIAL_STOP = "trial_stop"
    TRIAL_RETRY = "trial_retry"
    TRIAL_PROMOTE = "trial_promote"
    TRIAL_PIN = "trial_pin"
    TRIAL_UNPIN = "trial_unpin"
    QUEUE = "queue"
    SHARE = "share"
    EXTEND = "extend"
    LIMITS = "limits"
    ENQUEUE = "enqueue"
    ARCHIVE = "archive"
    UNARCHIVE = "unarchive"
    NOTE = "note"
    TAG = "tag"
    KEEP = "keep"


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class StudyCreated(_Event):
    """The first event: everything the decisions depend on."""

    kind: Literal["study_created"] = "study_created"
    study: str
    name: str
    space: Space
    base: Values = Field(description="every configuration key with its value before a trial's own values")
    plan: Plan
    seed: int
    algorithm: str
    backend: str
    workers: int
    cpus: int = 1
    gpus: float = 0.0
    ray_address: str = ""
    runtime_env: str = Field("", description="Ray runtime environment of its workers: `ship` or JSON; empty: none")
    data: str = Field("", description="the images in one sentence")
    data_fingerprint: str = ""
    split_fingerprint: str = ""
    protocol: Protocol = Field(Protocol.VALIDATION, description="what trials train on and are measured on")
    versions: dict[str, str] = Field(default_factory=dict)
    command: str = ""
    schedule: str = Field("", description="how long trials train, where it is not the algorithm's own")
    enqueued: tuple[Values, ...] = Field((), description="configurations that a person wants tried first")
    earlier: tuple[EarlierResult, ...] = Field((), description="results of other studies that the model may use")
    confirm: int = Field(0, ge=0, description="new seeds that each finalist is trained with before one wins")
    limits: Limits = Limits()
    teachers: tuple[Teacher, ...] = Field((), description="models that its students learn from")
    checkpoints: str = Field("", description="URL that checkpoints are kept under; empty: in the study's own folder")
    keep: Keep = Field(Keep.BEST, description="which checkpoints stay")
    by: str = Field("", description="who made it, and from where; empty: an older version did not note it")


class ControllerStarted(_Event):
    """A controller took the study over (lease won with this fencing token)."""

    kind: Literal["controller_started"] = "controller_started"
    owner: str
    token: int
    workers: int


class TrialSuggested(_Event):
    """A new trial. `values` are its values of the space's active parameters only, or of the keys that rows set.

    `row` is its name in a space with rows. `seed` is its own seed where trials differ in it, else it is the study's.
    With a `parent` it begins with that trial's checkpoint of `from_epoch`; `replaces` names the trial whose place it
    takes. `confirms` names the trial it repeats.
    """

    kind: Literal["trial_suggested"] = "trial_suggested"
    trial: int
    values: Values
    origin: Origin
    reason: str
    bracket: int
    to_epoch: int
    row: str = ""
    seed: int | None = None
    parent: int | None = None
    from_epoch: int = 0
    replaces: int | None = None
    confirms: int | None = None


class SegmentStarted(_Event):
    """A segment was handed to the backend. `reason` says why this trial advances (or runs again)."""

    kind: Literal["segment_started"] = "segment_started"
    segment: int
    trial: int
    from_epoch: int
    to_epoch: int
    attempt: int = 1
    reason: str = ""


class SegmentPlaced(_Event):
    """A process of a cluster took the segment: `worker` is `node:pid`. Nobody says so on one machine."""

    kind: Literal["segment_placed"] = "segment_placed"
    segment: int
    trial: int
    worker: str


class EpochReported(_Event):
    """An epoch (counted from 1) is finished. Metrics are fractions in [0, 1] where the field prints percent."""

    kind: Literal["epoch_reported"] = "epoch_reported"
    trial: int
    segment: int
    epoch: int
    metrics: dict[str, float]

    @classmethod
    def of_row(cls, trial: int, segment: int, epoch: int, metrics: dict[str, float]) -> EpochReported:
        """The event made of values whose types are known to be right: four times as fast as checking them again."""
        made = cls.__new__(cls)
        put = object.__setattr__
        put(
            made,
            "__dict__",
            {"kind": _REPORTED, "trial": trial, "segment": segment, "epoch": epoch, "metrics": metrics},
        )
        put(made, "__pydantic_fields_set__", _REPORT_FIELDS)
        put(made, "__pydantic_extra__", None)
        put(made, "__pydantic_private__", None)
        return made


_REPORTED = "epoch_reported"
_REPORT_FIELDS = {"trial", "segment", "epoch", "metrics"}  # one set for all: nothing changes a frozen event's


class CheckpointSaved(_Event):
    """A checkpoint is durable; a lost trial continues from the newest."""

    kind: Literal["checkpoint_saved"] = "checkpoint_saved"
    trial: int
    segment: int
    epoch: int
    path: str
    sha256: str


class SegmentEnded(_Event):
    """A segment is over. `final` is true when a failure ends the trial (it counts as worst)."""

    kind: Literal["segment_ended"] = "segment_ended"
    segment: int
    trial: int
    outcome: OutcomeKind
    failure: FailureKind | None = None
    message: str = ""
    final: bool = False
    seconds: float = 0.0
    worker: str = ""


class CommandGiven(_Event):
    """A person asked for something; the controller heard it. `by` says who and from where.

    `aside`: nobody ran the study then, so that it says nothing of how long anything ran.
    """

    kind: Literal["command_given"] = "command_given"
    command: CommandKind
    trial: int | None = None
    by: str = ""
    asked: Asked = Asked()
    aside: bool = False


class NodeSetAside(_Event):
    """Segments kept failing on this node for its own reasons: nothing more is started there by this controller."""

    kind: Literal["node_set_aside"] = "node_set_aside"
    node: str
    reason: str


class StudyEnded(_Event):
    """The last event (a resumed or extended study may go on after it). `aside`: recorded while nobody ran the study."""

    kind: Literal["study_ended"] = "study_ended"
    status: StudyStatus
    reason: str = ""
    aside: bool = False


Event: TypeAlias = Annotated[
    StudyCreated
    | ControllerStarted
    | TrialSuggested
    | SegmentStarted
    | SegmentPlaced
    | EpochReported
    | CheckpointSaved
    | SegmentEnded
    | CommandGiven
    | NodeSetAside
    | StudyEnded,
    Field(discriminator="kind"),
]

_ADAPTER: TypeAdapter[Event] = TypeAdapter(Event)


@dataclass(frozen=True, slots=True)
class Logged:
    """An event in its place: `seq` counts from 1 within the study, `at` is Unix time in seconds."""

    seq: int
    at: float
    event: Event


def event_to_json(event: Event) -> str:
    """One line of JSON, the same bytes for the same event."""
    return event.model_dump_json()


def event_from_json(text: str | bytes) -> Event:
    """The inverse of event_to_json. Raises pydantic.ValidationError on anything else."""
    return _ADAPTER.validate_json(text)
