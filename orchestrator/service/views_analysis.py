"""What the analysis of a study says. Values and gains are in the objective's own unit (fractions for mAP)."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.events import Origin, TrialStatus
from reid_core.config import Value, Values
from search_spaces.model import Objective

__all__ = [
    "AnalysisView",
    "BeliefPart",
    "BelievedConfiguration",
    "BelievedTrial",
    "DependencePart",
    "DependenceView",
    "GainPart",
    "ImportancePart",
    "ImportanceView",
]


class _View(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Part(_View):
    needs: str = Field("", description="what is missing for this part, in words; empty: it is all there")


class ImportanceView(_View):
    """The share of the values' variance that a parameter explains."""

    name: str
    mean: float = Field(description="mean over the resampled trials; a study's shares add up to 1")
    low: float = Field(description="lower end of the interval over the resampled trials")
    high: float = Field(description="upper end")


class ImportancePart(_Part):
    """Parameter importance by functional ANOVA, the most important first."""

    method: str = "fanova"
    parameters: tuple[ImportanceView, ...] = ()
    trials: int = Field(0, description="trials that were used")
    draws: int = Field(0, description="how often they were drawn anew, with replacement")
    interval: float = Field(0.9, description="the share of the resampled importances that lies in each interval")


class DependenceView(_View):
    """What the model expects of a parameter's values at the full number of epochs; all columns have one length."""

    name: str
    values: tuple[Value, ...]
    log: bool = Field(default=False, description="the values are spread on a logarithmic scale")
    choice: bool = Field(default=False, description="the values are choices, not a scale")
    mean: tuple[float, ...] = Field(description="mean over the other parameters")
    deviation: tuple[float, ...] = Field(description="the model's own standard deviation, mean over the others")
    spread: tuple[float, ...] = Field(description="standard deviation of the expected value over the others")


class DependencePart(_Part):
    """Partial dependence of the objective on each parameter, in the order of the space."""

    parameters: tuple[DependenceView, ...] = ()


class BelievedTrial(_View):
    """A trial, what is expected of it at the full number of epochs, and why it is where it is."""

    trial: int
    status: TrialStatus
    epoch: int
    seen: float | None = Field(description="the objective at its last epoch")
    mean: float
    deviation: float
    origin: Origin
    reason: str = Field(description="why it was tried")
    advance_reason: str = Field("", description="why it was trained further, the last time")


class BelievedConfiguration(_View):
    """A configuration that was not tried yet, and what is expected of it."""

    values: Values
    mean: float
    deviation: float


class BeliefPart(_Part):
    """What the model believes now: trials and the best new configuration, by expected value."""

    trials: tuple[BelievedTrial, ...] = ()
    new: BelievedConfiguration | None = None


class GainPart(_Part):
    """What further training is expected to gain over the best so far, and whether that is worth it."""

    best: float = Field(0.0, description="what is expected, in full, of the best trial that got furthest")
    next: float = Field(0.0, description="expected gain of one more full run")
    next_epochs: int = Field(0, description="epochs that it costs")
    what: str = Field("", description="what that run is: a resting trial or a new configuration")
    four: float = Field(0.0, description="expected gain of four more full runs side by side")
    four_epochs: int = 0
    threshold: float = Field(0.0, description="a smaller gain of the next run is not worth it")
    threshold_reason: str = ""
    stop: bool = False
    text: str = Field("", description="all of it in a sentence")


class AnalysisView(_View):
    """What a study's results say about its parameters and about going on."""

    study: str
    revision: int
    objective: Objective
    fraction: bool = Field(default=True, description="whether the objective lies in [0, 1] and is told in percent")
    max_epochs: int
    results: int = Field(description="trials with a result")
    importance: ImportancePart
    dependence: DependencePart
    belief: BeliefPart
    gain: GainPart
    notes: tuple[str, ...] = ()
