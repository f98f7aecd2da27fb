"""From a study's state to the views that people and programs get. Pure functions."""

from __future__ import annotations

from collections import Counter

from orchestrator.events import (
    Logged,
    SegmentEnded,
    SegmentPlaced,
    SegmentStarted,
    StudyState,
    StudyStatus,
    TrialState,
    TrialStatus,
)
from orchestrator.service import progress
from orchestrator.service.given import warm_start_views
from orchestrator.service.limits import limit_views
from orchestrator.service.narrate import narrate
from orchestrator.service.secrets import redacted
from orchestrator.service.spent import spent_of
from orchestrator.service.views import (
    SegmentView,
    SettingDiff,
    StudyDetail,
    StudySummary,
    TrialDetail,
    TrialRow,
)
from search_spaces.encoding import complete

__all__ = ["standing", "study_detail", "study_summary", "trial_detail", "trial_row"]


def study_summary(
    state: StudyState, idle: float | None = None, *, alive: bool = True, steps: bool = True
) -> StudySummary:
    """The row of a study, with the steps of its best so far. `alive` says whether a controller holds its lease."""
    created = state.created
    if created is None:
        raise ValueError("a log without StudyCreated")
    counts = Counter(standing(trial, alive=alive) for trial in state.trials.values())
    interrupted = state.status is StudyStatus.RUNNING and not alive
    return StudySummary(
        id=created.study,
        name=created.name,
        status=StudyStatus.INTERRUPTED if interrupted else state.status,
        reason=state.reason,
        space=created.space.name,
        algorithm=created.algorithm,
        backend=created.backend,
        workers=state.workers,
        objective=created.space.objective,
        measures=created.space.measures,
        created_at=state.created_at,
        updated_at=state.updated_at,
        ended_at=state.ended_at,
        trials_planned=progress.planned_trials(state),
        trials_started=len(state.trials),
        trials_by_status={status.value: counts[status] for status in TrialStatus if counts[status]},
        epochs_planned=progress.planned_epochs(state),
        epochs_spent=state.epochs_spent,
        seconds_left=None if interrupted else progress.seconds_left(state),
        spent=spent_of(state),
        idle_share=idle,
        best=progress.best(state),
        front=progress.front(state),
        hypervolume=progress.hypervolume(state),
        constraints=created.space.outcome_constraints,
        limits=limit_views(created.limits, state),
        default=progress.default_at(state),
        archived=state.archived,
        tags=state.tags,
        note=state.note,
        avoided=dict(sorted(state.avoided.items())),
        best_so_far=progress.best_so_far(state) if steps else (),
        revision=state.seq,
    )


def study_detail(
    state: StudyState, summary: StudySummary, trials: tuple[TrialRow, ...], *, directory: str, mlflow: str
) -> StudyDetail:
    """A study with its plan, space and trials; `summary` and `trials` are its own."""
    created = state.created
    if created is None:
        raise ValueError("a log without StudyCreated")
    return StudyDetail(
        **dict(summary),
        plan=created.plan,
        space_model=created.space,
        data=created.data,
        seed=created.seed,
        protocol=created.protocol,
        directory=directory,
        mlflow=redacted(mlflow),
        command=created.command,
        enqueued=len(created.enqueued),
        waiting=len(state.wanted),
        warm_start=warm_start_views(created.earlier),
        teachers=created.teachers,
        confirm=created.confirm,
        trials=trials,
    )


def standing(trial: TrialState, *, alive: bool) -> TrialStatus:
    """Where a trial stands; without a live controller nothing runs, and what its log calls running waits."""
    return TrialStatus.WAITING if trial.status is TrialStatus.RUNNING and not alive else trial.status


def trial_row(
    state: StudyState, trial: TrialState, pace: float | None, worker: str = "", *, alive: bool = True
) -> TrialRow:
    """One row of the trials table; `pace` is the study's seconds an epoch, `worker` the process that trained it last.

    `alive` as in `study_summary`.
    """
    return TrialRow(**_row(state, trial, pace, worker, alive=alive))


def _row(state: StudyState, trial: TrialState, pace: float | None, worker: str, *, alive: bool) -> dict[str, object]:
    failed = trial.status is TrialStatus.FAILED
    return {
        "id": trial.id,
        "status": standing(trial, alive=alive),
        "origin": trial.origin,
        "reason": trial.reason,
        "bracket": trial.bracket,
        "rung": trial.to_epoch,
        "epoch": trial.epoch,
        "to_epoch": trial.to_epoch,
        "metrics": trial.metrics,
        "score": trial.metrics.get(progress.objective_of(state).metric),
        "values": trial.values,
        "row": trial.row,
        "seed": trial.seed,
        "parent": trial.parent,
        "from_epoch": trial.from_epoch,
        "replaces": trial.replaces,
        "confirms": trial.confirms,
        "broken": progress.aims_of(state).broken(trial.metrics) if trial.metrics else (),
        "pinned": trial.pinned,
        "promoted": trial.promoted,
        "advance_reason": trial.advance_reason,
        "attempts": trial.attempts,
        "failure": (trial.failures[-1][0].value if trial.failures else "infeasible") if failed else "",
        "message": trial.message if failed else "",
        "node": worker.rpartition(":")[0] or worker,
        "seconds": trial.seconds,
        "seconds_left": progress.trial_seconds_left(trial, pace) if alive else None,
    }


def trial_detail(
    state: StudyState, trial: TrialState, told: list[Logged], directory: str, *, alive: bool = True
) -> TrialDetail:
    """A trial in full; `told` are the events about it, `alive` as in `study_summary`."""
    created = state.created
    if created is None:
        raise ValueError("a log without StudyCreated")
    epochs = tuple(sorted(trial.history))
    names = sorted({name for metrics in trial.history.values() for name in metrics})
    workers = [one.event.worker for one in told if isinstance(one.event, SegmentPlaced | SegmentEnded)]
    config = complete(created.base, trial.values, created.space.tied)
    return TrialDetail(
        **_row(state, trial, progress.seconds_per_epoch(state), workers[-1] if workers else "", alive=alive),
        study=created.name,
        epochs=epochs,
        curves={name: tuple(trial.history[epoch].get(name) for epoch in epochs) for name in names},
        config=config,
        diff=tuple(
            SettingDiff(key=key, default=created.base.get(key), value=value)
            for key, value in sorted(config.items())
            if value != created.base.get(key)
        ),
        segments=_segments(told),
        events=tuple(narrate(logged, created.space.measures) for logged in told),
        checkpoint=trial.checkpoint.path if trial.checkpoint is not None else "",
        directory=directory,
    )


def _segments(told: list[Logged]) -> tuple[SegmentView, ...]:
    views: dict[int, SegmentView] = {}
    for logged in told:
        match logged.event:
            case SegmentStarted() as event:
                views[event.segment] = SegmentView(
                    segment=event.segment,
                    from_epoch=event.from_epoch,
                    to_epoch=event.to_epoch,
                    attempt=event.attempt,
                    reason=event.reason,
                    started_at=logged.at,
                )
            case SegmentPlaced() as event if event.segment in views:
                views[event.segment] = views[event.segment].model_copy(update={"worker": event.worker})
            case SegmentEnded() as event if event.segment in views:
                views[event.segment] = views[event.segment].model_copy(
                    update={
                        "ended_at": logged.at,
                        "outcome": event.outcome.value,
                        "message": event.message,
                        "worker": event.worker,
                    }
                )
            case _:
                pass
    return tuple(views.values())
