"""What the verbs answer, and what those that say more than a name are asked with."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.service.views import StudySummary
from reid_core.config import Value, Values

__all__ = [
    "Acted",
    "CloneRequest",
    "Deleted",
    "Difference",
    "EnqueueRequest",
    "ExtendRequest",
    "LimitsRequest",
    "NoteRequest",
    "StopRequest",
    "StudyDifference",
    "TagRequest",
    "TrialCloneRequest",
]


class _View(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Acted(StudySummary):
    """The study after a verb, and what the verb did."""

    changed: bool = Field(description="whether anything was asked for or recorded; false: it was so already")
    told: str = Field(description="one sentence for people")
    hint: str = Field("", description="what one would type next, in a terminal")


class Deleted(_View):
    """A study that is no more."""

    id: str
    name: str
    files: str = Field(description="the folder of its files, where they were kept; else empty")
    elsewhere: str = Field("", description="where checkpoints of it stay outside this installation; else empty")


class Difference(_View):
    """One thing in which two studies differ, in words."""

    section: str = Field(description="space, configuration, plan, data, limits, search or versions")
    what: str
    first: str
    second: str


class StudyDifference(_View):
    """Two studies beside each other."""

    first: str
    second: str
    differences: tuple[Difference, ...]


class StopRequest(_View):
    """How a study is to be stopped."""

    at_rung: bool = Field(default=False, description="what runs goes on to its rung; else it ends after its epoch")
    now: bool = Field(default=False, description="what runs saves in the middle of its epoch, and ends there")


class CloneRequest(_View):
    """A new study from an old one."""

    name: str = Field(max_length=80, description="name of the new study")
    set: dict[str, Value] = Field(
        default_factory=dict, max_length=1000, description="configuration keys set otherwise for every trial"
    )
    seed: int | None = Field(None, description="seed of the search; default: the old one")
    launch: bool = Field(default=False, description="start it too")


class ExtendRequest(_View):
    """How much more a study is to do; nothing: an ended study rests again, and can be resumed."""

    trials: int | None = Field(None, ge=1, le=1_000_000, description="so many more trials")
    epochs: int | None = Field(None, ge=1, le=1_000_000_000, description="so many more epochs")
    max_epochs: int | None = Field(None, ge=1, description="cannot change: refused unless it is the study's own")


class LimitsRequest(_View):
    """What ends the search early from now on; what is not named stays as it is."""

    epochs: int | None = Field(None, ge=1, description="epochs of all trials")
    gpu_hours: float | None = Field(None, gt=0, allow_inf_nan=False, description="GPU-hours of all trials")
    wall_time: str = Field("", max_length=100, description="time of running: 90s, 45m, 8h, 2d")
    target: str = Field("", max_length=500, description="METRIC >= VALUE or METRIC <= VALUE")
    clear: tuple[str, ...] = Field((), max_length=10, description="limits to take away: epochs, gpu-hours, ... or all")


class NoteRequest(_View):
    """A note beside a study; empty: none."""

    text: str = Field(max_length=10_000)


class TagRequest(_View):
    """Tags to add and to take away."""

    add: tuple[str, ...] = Field((), max_length=50)
    remove: tuple[str, ...] = Field((), max_length=50)
    clear: bool = False


class EnqueueRequest(_View):
    """A configuration to try soon; what it leaves out is the space's default."""

    values: Values


class TrialCloneRequest(_View):
    """A trial's configuration with some values changed, to try soon."""

    set: dict[str, Value] = Field(max_length=1000)
