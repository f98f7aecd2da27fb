"""Some trials of a study beside each other: in what their configurations differ, their curves, their metrics."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.events import Origin, TrialStatus
from orchestrator.service.views import TrialDetail
from reid_core.config import Value
from reid_core.errors import UsageError
from search_spaces.equality import same

__all__ = ["LEAST_COMPARED", "MOST_COMPARED", "ComparedTrial", "KeyDifference", "TrialComparison", "compared", "wanted"]

LEAST_COMPARED = 2
MOST_COMPARED = 20
"""More curves than this cannot be told apart."""


class _View(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class KeyDifference(_View):
    """A key of the configuration in which trials differ; `values` are in the order of the trials."""

    key: str
    searched: bool = Field(description="a parameter of the space; else it follows another or was set")
    values: tuple[Value, ...]


class ComparedTrial(_View):
    """One of the trials, with every metric it reported."""

    id: int
    status: TrialStatus
    origin: Origin
    epoch: int
    rung: int
    seconds: float
    metrics: dict[str, float] = Field(description="of its last epoch")
    epochs: tuple[int, ...]
    curves: dict[str, tuple[float | None, ...]] = Field(description="metric name to one value an epoch")


class TrialComparison(_View):
    """Trials of a study in the order asked for."""

    study: str
    trials: tuple[ComparedTrial, ...]
    differences: tuple[KeyDifference, ...] = Field(description="searched keys first, each group by name")
    alike: int = Field(description="keys that all of them share")


def wanted(text: str) -> tuple[int, ...]:
    """The trials that a text such as `3,5,8` names, each once. UsageError unless they are 2 to 20 numbers."""
    words = [word for word in text.replace(",", " ").split() if word]
    if not all(word.isascii() and word.isdigit() and len(word) < 10 for word in words):
        raise UsageError(f"{text!r} names no trials", hint="give their numbers: trials=3,5,8")
    found = tuple(dict.fromkeys(int(word) for word in words))
    if not LEAST_COMPARED <= len(found) <= MOST_COMPARED:
        message = f"{LEAST_COMPARED} to {MOST_COMPARED} trials can be compared, not {len(found)}"
        raise UsageError(message, hint="give their numbers: trials=3,5,8")
    return found


def compared(study: str, trials: Sequence[TrialDetail], searched: Sequence[str]) -> TrialComparison:
    """The comparison; `searched` are the parameters of the space."""
    keys = sorted({key for trial in trials for key in trial.config}, key=lambda key: (key not in searched, key))
    differing = [key for key in keys if not _alike([trial.config.get(key) for trial in trials])]
    return TrialComparison(
        study=study,
        trials=tuple(_trial(trial) for trial in trials),
        differences=tuple(
            KeyDifference(key=key, searched=key in searched, values=tuple(trial.config.get(key) for trial in trials))
            for key in differing
        ),
        alike=len(keys) - len(differing),
    )


def _alike(values: Sequence[Value]) -> bool:
    return all(same(values[0], value) for value in values)


def _trial(trial: TrialDetail) -> ComparedTrial:
    return ComparedTrial(
        id=trial.id,
        status=trial.status,
        origin=trial.origin,
        epoch=trial.epoch,
        rung=trial.rung,
        seconds=trial.seconds,
        metrics=trial.metrics,
        epochs=trial.epochs,
        curves=trial.curves,
    )
