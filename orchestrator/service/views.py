"""What the service answers: one shape for the command line's --json, the HTTP API and the pages.

Times are Unix seconds, metrics are fractions in [0, 1], durations are seconds.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.events import Keep, Origin, Plan, StudyStatus, Teacher, TrialStatus
from orchestrator.service.given_views import LimitView, WarmStartView
from orchestrator.service.views_spent import SpentView
from reid_core.api import Protocol
from reid_core.config import Value, Values
from search_spaces.measures import Measures
from search_spaces.model import Objective, Space

__all__ = [
    "MOST_EARLIER",
    "MOST_ENQUEUED",
    "MOST_TEACHERS",
    "BestView",
    "BoardView",
    "EventView",
    "MetricsView",
    "PlanView",
    "SegmentView",
    "SettingDiff",
    "SpaceView",
    "StepsView",
    "StudyDetail",
    "StudyRequest",
    "StudySummary",
    "TrialColumns",
    "TrialDetail",
    "TrialRow",
]


MOST_EARLIER = 10
"""Studies of a warm start: each is read whole, and its results are learned from."""
MOST_TEACHERS = 10
"""Teachers of a study: each is copied into its folder, and looks at every image."""
MOST_ENQUEUED = 1000
"""Configurations of a person: each is checked before the study exists, and kept in its first event."""


class _View(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StudyRequest(_View):
    """What it takes to create a study; the options of `reid-tune run`."""

    space: str = Field(description="a catalog name, a file, or the YAML text itself")
    data: str = Field("", description="a folder of images; empty: the space's own (built-in synthetic data)")
    trials: int | None = Field(None, ge=1, description="number of configurations; default: the space's")
    max_epochs: int | None = Field(
        None, ge=1, description="epochs of a full run; the recipe's schedule is scaled to it"
    )
    min_epochs: int | None = Field(None, ge=1, description="epochs of the lowest rung")
    algorithm: str | None = Field(None, description="default: the space's")
    workers: int | None = Field(None, ge=1, description="segments side by side; default: from the node's cores or GPUs")
    seed: int = Field(0, description="seed of the search and of every trial; a grid's first seed")
    seeds: int | None = Field(
        None, ge=1, description="how often a grid trains each configuration; default: the space's"
    )
    schedule: str | None = Field(None, description="how long trials train; default: the algorithm's own")
    confirm: int | None = Field(None, ge=0, description="new seeds that each finalist is trained with before one wins")
    epochs: int | None = Field(None, ge=1, description="ends the search: epochs of all trials")
    gpu_hours: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="ends the search: GPU-hours of all trials"
    )
    wall_time: str = Field("", description="ends the search: time since its start, as 90s, 45m, 8h or 2d")
    target: str = Field("", description="ends the search: METRIC >= VALUE or METRIC <= VALUE")
    warm_start: tuple[str, ...] = Field(
        (),
        max_length=MOST_EARLIER,
        description="studies whose results the model may use: name, id or latest of each",
    )
    teacher: tuple[str, ...] = Field(
        (),
        max_length=MOST_TEACHERS,
        description="what students learn from: study:NAME for a study's winner, or a checkpoint; several vary",
    )
    checkpoints: str = Field(
        "", description="URL that checkpoints are kept under (s3://…, file://…); empty: the study's own folder"
    )
    keep_checkpoints: Keep = Field(Keep.BEST, description="which checkpoints stay")
    enqueue: tuple[Values, ...] = Field(
        (), max_length=MOST_ENQUEUED, description="configurations to try first, in whole or in part"
    )
    enqueue_file: str = Field("", description="the file that they were read from, for messages")
    protocol: Protocol = Field(
        Protocol.VALIDATION, description="what is measured: validation, or for a space with rows test"
    )
    name: str = Field("", description="name of the study; default: a readable generated one")
    set: dict[str, Value] = Field(default_factory=dict, description="configuration keys set for every trial")
    backend: str = Field("ray", description="inline, processes or ray")
    ray_address: str = Field("", description="address of a running Ray cluster; empty: a local one, started on demand")
    runtime_env: str = Field(
        "", max_length=65536, description="Ray runtime environment as JSON, or ship: this installation is sent to nodes"
    )
    max_slots: int | None = Field(None, ge=1, description="in the service: never more of its slots than this")
    priority: int | None = Field(
        None, ge=-1000, le=1000, description="in the service: the higher is served first; default: 0"
    )
    weight: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="in the service: share of the slots within a priority; default: 1"
    )


class PlanView(_View):
    """The plan, and what it is expected to cost."""

    plan: Plan
    objective: tuple[Objective, ...]
    task: str = Field("reid", description="what models are trained for, as TASK.NAME names it")
    algorithm: str
    schedule: str = Field("", description="how long trials train, where it is not the algorithm's own")
    parameters: int
    tied: dict[str, str] = Field(default_factory=dict, description="keys that follow others, and how, in words")
    rows: tuple[str, ...] = Field((), description="names of the configurations of a space with rows")
    seeds: int = Field(1, description="how often each configuration is trained")
    protocol: Protocol = Protocol.VALIDATION
    workers: int
    seconds_per_epoch: float | None = Field(None, description="measured or estimated; None when unknown")
    seconds: float | None = Field(None, description="expected wall time of the study")
    gpu_hours: float | None = Field(None, description="expected GPU-hours; None without GPUs or when time is unknown")
    limits: tuple[LimitView, ...] = ()
    enqueued: int = Field(0, description="configurations of the user, tried right after the default")
    warm_start: tuple[WarmStartView, ...] = ()
    teachers: tuple[Teacher, ...] = ()
    confirm: int = Field(0, description="new seeds that each finalist is trained with")
    confirm_epochs: int = Field(0, description="what confirming costs at most, on top of the plan's epochs")
    device: str = ""
    data: str = Field("", description="one line about the images")
    warnings: tuple[str, ...] = ()


class BestView(_View):
    """The incumbent: the best value that any trial reported at any epoch on a rung."""

    trial: int
    epoch: int
    metrics: dict[str, float]
    gain: float | None = Field(None, description="objective minus the default configuration's at the same epochs")
    runs: int = Field(1, description="trainings with different seeds; with several, metrics are their means")
    deviations: dict[str, float] = Field(
        default_factory=dict, description="sample standard deviation of each metric over the runs"
    )
    broken: tuple[str, ...] = Field((), description="constraints on outcomes that the metrics do not satisfy")


class StudySummary(_View):
    """One row of the list of studies."""

    id: str
    name: str
    status: StudyStatus
    reason: str = ""
    space: str
    algorithm: str
    backend: str
    workers: int
    objective: tuple[Objective, ...]
    measures: Measures = Field(description="what its trials report, with titles; fractions are shown in percent")
    created_at: float
    updated_at: float
    ended_at: float | None = None
    trials_planned: int
    trials_started: int
    trials_by_status: dict[str, int]
    epochs_planned: int
    epochs_spent: int
    seconds_left: float | None = None
    spent: SpentView = Field(default_factory=SpentView, description="hours of trials and GPUs, and those planned")
    idle_share: float | None = Field(None, description="share of slot time that stood idle though work existed")
    best: BestView | None = Field(None, description="the incumbent; once the study is completed, the winner")
    front: tuple[BestView, ...] = Field(
        (), description="of several objectives the Pareto front over all rungs, the best in the first objective first"
    )
    hypervolume: float | None = Field(
        None, description="share in [0, 1] that the front dominates of the box up to the ideal; None: one objective"
    )
    constraints: tuple[str, ...] = Field((), description="constraints on outcomes")
    default: BestView | None = Field(None, description="the recipe's default configuration at its highest epoch")
    limits: tuple[LimitView, ...] = Field((), description="what ends the search early")
    archived: bool = Field(default=False, description="hidden from the list of studies")
    tags: tuple[str, ...] = ()
    note: str = ""
    avoided: dict[str, str] = Field(default_factory=dict, description="nodes set aside, and why")
    best_so_far: tuple[float, ...] = Field(
        (), description="objective of the incumbent after each reported rung, for sparklines"
    )
    revision: int = Field(description="number of events; changes when anything changed")


class StudyDetail(StudySummary):
    """A study with its plan and space."""

    plan: Plan
    space_model: Space
    data: str = ""
    seed: int = 0
    protocol: Protocol = Field(Protocol.VALIDATION, description="what its trials are measured on")
    directory: str = ""
    mlflow: str = Field("", description="MLflow tracking address of the study; empty when tracking is off")
    command: str = Field("", description="the command that makes this study again")
    enqueued: int = Field(0, description="configurations of the user, tried right after the default")
    waiting: int = Field(0, description="configurations enqueued since the start that wait for their trial")
    warm_start: tuple[WarmStartView, ...] = ()
    teachers: tuple[Teacher, ...] = ()
    confirm: int = Field(0, description="new seeds that each finalist is trained with")
    trials: tuple[TrialRow, ...] = ()


class TrialRow(_View):
    """One row of the trials table."""

    id: int
    status: TrialStatus
    origin: Origin
    reason: str
    bracket: int
    rung: int = Field(description="epoch count of the rung it is on or climbs to")
    epoch: int
    to_epoch: int
    metrics: dict[str, float]
    score: float | None = Field(None, description="objective at the last epoch")
    values: Values
    row: str = Field("", description="its name in a space with rows")
    seed: int | None = Field(None, description="its own seed; None: the study's")
    parent: int | None = Field(None, description="the trial from whose checkpoint it went on, with other values")
    from_epoch: int = Field(0, description="the epoch of that checkpoint; it trained the epochs after it alone")
    replaces: int | None = Field(None, description="the trial whose place in the population it took")
    confirms: int | None = Field(None, description="the trial that it repeats with another seed")
    broken: tuple[str, ...] = Field((), description="constraints on outcomes that it does not satisfy")
    pinned: bool = Field(default=False, description="a person keeps it: its checkpoints are not discarded")
    promoted: str = Field("", description="who asked for its next rung, until it is on the way")
    advance_reason: str = ""
    attempts: int = 0
    failure: str = ""
    message: str = ""
    node: str = Field("", description="the node that runs it, or ran it last")
    seconds: float = 0.0
    seconds_left: float | None = None


class SettingDiff(_View):
    """A configuration key of a trial against the recipe's default."""

    key: str
    default: Value
    value: Value


class SegmentView(_View):
    """One run of a trial in one process."""

    segment: int
    from_epoch: int
    to_epoch: int
    attempt: int
    reason: str = Field("", description="why the trial was trained further, or begun")
    started_at: float
    ended_at: float | None = None
    outcome: str = "running"
    message: str = ""
    worker: str = ""


class EventView(_View):
    """An event for people: when, what kind, one sentence."""

    seq: int
    at: float
    kind: str
    trial: int | None = None
    text: str


class TrialDetail(TrialRow):
    """A trial with its curves, configuration, segments and events."""

    study: str
    epochs: tuple[int, ...]
    curves: dict[str, tuple[float | None, ...]] = Field(description="metric name to one value an epoch")
    config: Values
    diff: tuple[SettingDiff, ...]
    segments: tuple[SegmentView, ...]
    events: tuple[EventView, ...]
    checkpoint: str = ""
    directory: str = ""


class MetricsView(_View):
    """Every reported epoch of a study in columns; a metric not reported is None."""

    revision: int
    trial: tuple[int, ...]
    epoch: tuple[int, ...]
    metrics: dict[str, tuple[float | None, ...]]


class TrialColumns(_View):
    """Every trial of a study in columns of equal length, by number; numbers have six significant digits."""

    id: tuple[int, ...]
    status: tuple[TrialStatus, ...]
    origin: tuple[Origin, ...]
    bracket: tuple[int, ...]
    rung: tuple[int, ...]
    epoch: tuple[int, ...]
    score: tuple[float | None, ...]
    metrics: dict[str, tuple[float | None, ...]]
    values: dict[str, tuple[Value, ...]] = Field(description="null where a parameter is not active")
    active: dict[str, str] = Field(description="of parameters not active in every trial: 1 where they are, else 0")
    broken: tuple[tuple[str, ...], ...] = Field((), description="constraints on outcomes that each breaks")
    reason: tuple[str, ...]
    advance_reason: tuple[str, ...]
    failure: tuple[str, ...]
    message: tuple[str, ...]
    node: tuple[str, ...]
    pinned: tuple[bool, ...] = Field((), description="empty: none is")


class StepsView(_View):
    """The incumbent's objective each time it improved, and the epochs that the study had spent then."""

    spent: tuple[int, ...] = ()
    best: tuple[float, ...] = ()


class BoardView(_View):
    """A study as its page draws it: what it needs of every trial, and the curves of the best hundred."""

    study: StudyDetail = Field(description="without its trials")
    trials: TrialColumns
    best: StepsView
    curves: MetricsView


class SpaceView(_View):
    """A space of the catalog."""

    name: str
    description: str
    recipe: str
    parameters: int
    rows: int = Field(0, description="number of named configurations, in a space that has these instead of parameters")
    space: Space
    yaml: str
    defaults: Values = Field(default_factory=dict, description="what is expected to be good: priors, else the recipe's")


StudyDetail.model_rebuild()
BoardView.model_rebuild()
