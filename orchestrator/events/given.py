"""What a study is given besides its space: earlier results, teachers, limits that end it, and what commands say."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.events.keep import Keep
from orchestrator.events.plan import Plan
from reid_core.config import Values

__all__ = ["NO_LIMIT", "Asked", "EarlierResult", "Limits", "Teacher"]

NO_LIMIT = 1_000_000
"""`max_slots` of a study whose limit was lifted: more slots than any service has."""


class _Given(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class EarlierResult(_Given):
    """What a trial of another study reported at one of this study's rungs.

    `values` are those of this study's active parameters; `epoch` is the rung of this study that is the same share of a
    full run. `same_data`: the metrics can be compared with this study's, because it saw the same images and split and
    differs in nothing that this study does not vary.
    """

    study: str
    values: Values
    epoch: int = Field(ge=1)
    metrics: dict[str, float]
    same_data: bool = False


class Limits(_Given):
    """What ends a search before its plan is done; None or empty: no limit of that kind. The first one met counts.

    Nothing new starts when a limit is met; what runs goes on to its rung, but when `wall_seconds` (counted while the
    study runs) or `gpu_hours` (GPUs of a trial times the hours of its segments) are used up it pauses after its epoch.
    """

    epochs: int | None = Field(None, ge=1)
    gpu_hours: float | None = Field(None, gt=0, allow_inf_nan=False)
    wall_seconds: float | None = Field(None, gt=0, allow_inf_nan=False)
    target: str = Field("", description="METRIC >= VALUE or METRIC <= VALUE, at any rung of any trial")


class Teacher(_Given):
    """A model that every student of a study learns from, kept in the study's own folder under `path`.

    `study` is the id of the study whose trial it is, and `name` that study's name; both are empty for a file. `network`
    names its backbone and image size, `identities` are those it was trained on, `metrics` what it measured then.
    """

    source: str = Field(description="as it was asked for: study:NAME, or a file")
    path: str
    sha256: str = ""
    study: str = ""
    name: str = ""
    trial: int | None = None
    epoch: int = 0
    identities: int = 0
    network: str = ""
    metrics: dict[str, float] = Field(default_factory=dict)
    same_data: bool = Field(
        default=False, description="it saw the same images and split, so that it knows the classes of the student"
    )
    reason: str = Field("", description="why it is this model, and what is known of its data")


class Asked(_Given):
    """What a command says besides its kind; each kind reads its own fields and leaves the rest empty."""

    plan: Plan | None = Field(None, description="extend: the plan from now on")
    limits: Limits | None = Field(None, description="limits, extend: the limits from now on")
    values: Values | None = Field(None, description="enqueue: a configuration to try")
    reason: str = Field("", description="enqueue: where the configuration comes from")
    weight: float | None = Field(None, gt=0, description="share: of the slots, beside other studies")
    priority: int | None = Field(None, description="share: the higher is served first")
    max_slots: int | None = Field(None, ge=1, description="share: never more slots than this")
    at_rung: bool = Field(default=False, description="stop: what runs goes on to its rung")
    now: bool = Field(default=False, description="stop: what runs saves in the middle of its epoch")
    text: str = Field("", max_length=10_000, description="note: the study's note from now on")
    tags: tuple[str, ...] | None = Field(None, description="tag: the study's tags from now on")
    keep: Keep | None = Field(None, description="keep: which checkpoints stay from now on")
