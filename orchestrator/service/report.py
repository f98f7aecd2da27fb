"""What a study says in a table: rows over seeds with their spread and differences, or the best of its trials."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.events import Origin, StudyCreated, StudyState, StudyStatus, TrialState, TrialStatus
from orchestrator.service.progress import objective_of, score_at
from reid_core.api import Protocol
from reid_core.config import Values
from search_spaces.model import METRICS
from search_spaces.rows import Published, parents

__all__ = ["METRICS_SHOWN", "ReportRow", "ReportTrial", "Spread", "StudyReport", "report_of"]

METRICS_SHOWN = ("rank1", "mAP", "mINP")
"""What a report shows when it is not asked for other metrics."""


class _View(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Spread(_View):
    """Mean and sample standard deviation (n - 1) over seeds, as fractions; no deviation of one value."""

    mean: float
    deviation: float | None
    count: int


class ReportRow(_View):
    """A row over its seeds."""

    name: str
    trials: int = Field(description="trials that have finished")
    failed: int = 0
    metrics: dict[str, Spread]
    gains: dict[str, Spread] = Field(
        default_factory=dict, description="differences to the row it adds to, seed by seed; empty where it has none"
    )
    published: dict[str, dict[str, float]] = Field(default_factory=dict, description="fractions, by column")


class ReportTrial(_View):
    """A trial at its last epoch."""

    id: int
    origin: Origin
    epoch: int
    seed: int | None
    values: Values
    metrics: dict[str, float]


class StudyReport(_View):
    """A study as a table: `rows` in a space with rows, else its best `trials`."""

    study: str
    space: str
    description: str
    status: StudyStatus
    protocol: Protocol
    epochs: int
    seeds: tuple[int, ...] = Field(description="of the trials that have finished")
    data: str
    command: str
    metrics: tuple[str, ...]
    rows: tuple[ReportRow, ...] = ()
    columns: tuple[Published, ...] = ()
    trials: tuple[ReportTrial, ...] = ()
    trials_in_all: int = 0
    varied: tuple[str, ...] = Field((), description="keys that differ among `trials`")


def report_of(
    state: StudyState, status: StudyStatus, metrics: Sequence[str] = METRICS_SHOWN, *, most: int = 10
) -> StudyReport:
    """The table of a study as it stands, with at most `most` trials where it has no rows."""
    created = state.created
    if created is None:
        raise ValueError("a log without StudyCreated")
    finished = [trial for _, trial in sorted(state.trials.items()) if _is_done(trial, created)]
    plain = StudyReport(
        study=created.name,
        space=created.space.name,
        description=created.space.description,
        status=status,
        protocol=created.protocol,
        epochs=created.plan.max_epochs,
        seeds=tuple(sorted({_seed(trial, created) for trial in finished})),
        data=created.data,
        command=created.command,
        metrics=tuple(metrics),
        columns=created.space.published,
    )
    if created.space.rows:
        return plain.model_copy(update={"rows": _rows(state, created, finished, metrics)})
    trials = _best(state, most)
    values = [trial.values for trial in trials]
    return plain.model_copy(
        update={
            "trials": tuple(_trial(trial, created) for trial in trials),
            "trials_in_all": len(state.trials),
            "varied": tuple(key for key in created.space.parameters if _differs(key, values)),
        }
    )


def _is_done(trial: TrialState, created: StudyCreated) -> bool:
    return trial.epoch >= created.plan.max_epochs and trial.status is not TrialStatus.FAILED


def _seed(trial: TrialState, created: StudyCreated) -> int:
    return created.seed if trial.seed is None else trial.seed


def _rows(
    state: StudyState, created: StudyCreated, finished: Sequence[TrialState], metrics: Sequence[str]
) -> tuple[ReportRow, ...]:
    rows = created.space.rows
    measured: dict[str, dict[int, TrialState]] = {row.name: {} for row in rows}
    for trial in finished:
        measured.setdefault(trial.row, {})[_seed(trial, created)] = trial
    failed = [trial.row for trial in state.trials.values() if trial.status is TrialStatus.FAILED]
    above = parents(rows)
    made = []
    for row in rows:
        here, before = measured[row.name], measured.get(above[row.name] or "", {})
        both = sorted(here.keys() & before.keys())
        made.append(
            ReportRow(
                name=row.name,
                trials=len(here),
                failed=failed.count(row.name),
                metrics=_spreads(metrics, {name: _values(here.values(), name) for name in metrics}),
                gains=_spreads(
                    metrics,
                    {name: _gaps([(here[seed], before[seed]) for seed in both], name) for name in metrics},
                ),
                published={
                    column: {name: value / 100 for name, value in numbers.items()}
                    for column, numbers in row.published.items()
                },
            )
        )
    return tuple(made)


def _values(trials: Iterable[TrialState], metric: str) -> list[float]:
    """The metric of each trial at its last epoch, where it is a number."""
    found = [trial.metrics.get(metric, math.nan) for trial in trials]
    return [value for value in found if math.isfinite(value)]


def _gaps(pairs: Iterable[tuple[TrialState, TrialState]], metric: str) -> list[float]:
    gaps = [now.metrics.get(metric, math.nan) - before.metrics.get(metric, math.nan) for now, before in pairs]
    return [gap for gap in gaps if math.isfinite(gap)]


def _spreads(metrics: Sequence[str], values: Mapping[str, Sequence[float]]) -> dict[str, Spread]:
    return {name: _spread(values[name]) for name in metrics if values[name]}


def _spread(values: Sequence[float]) -> Spread:
    deviation = statistics.stdev(values) if len(values) > 1 else None
    return Spread(mean=statistics.fmean(values), deviation=deviation, count=len(values))


def _best(state: StudyState, most: int) -> list[TrialState]:
    """Those that got furthest first, among them the best."""
    objective = objective_of(state)

    def key(trial: TrialState) -> tuple[int, float, int]:
        score = score_at(trial, trial.epoch, objective)
        return (-trial.epoch, math.inf if score is None else -score, trial.id)

    return sorted((trial for trial in state.trials.values() if trial.history), key=key)[:most]


def _differs(key: str, values: Sequence[Values]) -> bool:
    return any(one.get(key) != values[0].get(key) for one in values)


def _trial(trial: TrialState, created: StudyCreated) -> ReportTrial:
    return ReportTrial(
        id=trial.id,
        origin=trial.origin,
        epoch=trial.epoch,
        seed=_seed(trial, created),
        values=trial.values,
        metrics={name: trial.metrics[name] for name in METRICS if name in trial.metrics},
    )
