"""What a study says in a table: rows over seeds with their spread and differences, or the best of its trials."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.events import Origin, StudyCreated, StudyState, StudyStatus, Teacher, TrialState, TrialStatus
from orchestrator.search.confirm import Confirmed, confirmed
from orchestrator.service.given import warm_start_views
from orchestrator.service.given_views import LimitView, WarmStartView
from orchestrator.service.limits import limit_views
from orchestrator.service.progress import aims_of, front, hypervolume, objective_of, score_at
from reid_core.api import Protocol
from reid_core.config import Values, suggest
from reid_core.errors import UsageError
from search_spaces.measures import Measures
from search_spaces.rows import Published, parents
from search_spaces.tied import derive

__all__ = ["ReportRow", "ReportTrial", "Spread", "StudyReport", "report_of"]


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
    metrics: dict[str, float] = Field(description="means over its runs, once it is confirmed")
    runs: int = Field(1, description="trainings with different seeds")
    deviations: dict[str, float] = Field(
        default_factory=dict, description="sample standard deviation of each metric over the runs"
    )


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
    measures: Measures = Field(description="how they are read: titles, which are fractions")
    rows: tuple[ReportRow, ...] = ()
    columns: tuple[Published, ...] = ()
    trials: tuple[ReportTrial, ...] = ()
    trials_in_all: int = 0
    varied: tuple[str, ...] = Field((), description="keys that differ among `trials`")
    objective: tuple[str, ...] = Field((), description="metrics; with several, the front's trials come first")
    front: tuple[int, ...] = Field((), description="trials of the Pareto front, the best in the first objective first")
    hypervolume: float | None = None
    constraints: tuple[str, ...] = Field((), description="constraints on outcomes")
    reason: str = Field("", description="why the search ended, where its plan was not done")
    limits: tuple[LimitView, ...] = ()
    warm_start: tuple[WarmStartView, ...] = ()
    teachers: tuple[Teacher, ...] = ()


def report_of(state: StudyState, status: StudyStatus, metrics: Sequence[str] = (), *, most: int = 10) -> StudyReport:
    """The table of a study as it stands, with at most `most` trials where it has no rows; see Service.report."""
    created = state.created
    if created is None:
        raise ValueError("a log without StudyCreated")
    metrics = _wanted(metrics, created.space.measures)
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
        measures=created.space.measures,
        columns=created.space.published,
        reason=state.reason,
        limits=limit_views(created.limits, state),
        warm_start=warm_start_views(created.earlier),
        teachers=created.teachers,
    )
    if created.space.rows:
        return plain.model_copy(update={"rows": _rows(state, created, finished, metrics)})
    front_trials = tuple(dict.fromkeys(one.trial for one in front(state)))
    means = {one.trial: one for one in confirmed(state)}
    trials = _best(state, most, [*means, *(trial for trial in front_trials if trial not in means)])
    values = [_settings(trial, created) for trial in trials]
    return plain.model_copy(
        update={
            "metrics": tuple(dict.fromkeys((*metrics, *created.space.costs))),
            "objective": tuple(each.metric for each in created.space.objective),
            "front": front_trials,
            "hypervolume": hypervolume(state),
            "constraints": created.space.outcome_constraints,
            "trials": tuple(_trial(trial, created, means.get(trial.id)) for trial in trials),
            "trials_in_all": sum(trial.confirms is None for trial in state.trials.values()),
            "varied": tuple(key for key in (*created.space.parameters, *created.space.tied) if _differs(key, values)),
        }
    )


def _wanted(metrics: Sequence[str], measures: Measures) -> tuple[str, ...]:
    for name in metrics:
        if name not in measures.names:
            hint = suggest(name, measures.names) or f"there are {', '.join(measures.names)}"
            raise UsageError(f"{name} is not a metric that trials report", hint=hint)
    return tuple(metrics) or measures.shown


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


def _best(state: StudyState, most: int, first: Sequence[int]) -> list[TrialState]:
    """`first` (finalists that were confirmed, the front) in their order, then who got furthest, among them the best.

    Trials that break a constraint come last.
    """
    objective, aims = objective_of(state), aims_of(state)

    def key(trial: TrialState) -> tuple[int, float, int, float, int]:
        score = score_at(trial, trial.epoch, objective)
        place = first.index(trial.id) if trial.id in first else len(first)
        return (place, aims.violation(trial.metrics), -trial.epoch, math.inf if score is None else -score, trial.id)

    told = (trial for trial in state.trials.values() if trial.history and trial.confirms is None)
    return sorted(told, key=key)[:most]


def _differs(key: str, values: Sequence[Values]) -> bool:
    return any(one.get(key) != values[0].get(key) for one in values)


def _settings(trial: TrialState, created: StudyCreated) -> Values:
    """The trial's values, and those of keys that follow them."""
    return {**trial.values, **derive({**created.base, **trial.values}, created.space.tied)}


def _trial(trial: TrialState, created: StudyCreated, means: Confirmed | None) -> ReportTrial:
    metrics = trial.metrics if means is None else means.means
    names = created.space.measures.names
    deviations = {} if means is None else means.deviations
    return ReportTrial(
        id=trial.id,
        origin=trial.origin,
        epoch=trial.epoch,
        seed=_seed(trial, created),
        values=_settings(trial, created),
        metrics={name: metrics[name] for name in names if name in metrics},
        runs=1 if means is None else means.runs,
        deviations={name: deviations[name] for name in names if name in deviations},
    )
