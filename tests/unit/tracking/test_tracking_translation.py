"""What each event changes in MLflow, without MLflow."""

from __future__ import annotations

import json

import yaml

from orchestrator.events import (
    Bracket,
    CheckpointSaved,
    CommandGiven,
    CommandKind,
    ControllerStarted,
    EpochReported,
    Event,
    Logged,
    Origin,
    OutcomeKind,
    Plan,
    SegmentEnded,
    SegmentStarted,
    StudyCreated,
    StudyEnded,
    StudyStatus,
    TrialSuggested,
)
from orchestrator.tracking.changes import Point, RunStatus
from orchestrator.tracking.translation import Translation
from orchestrator.trial.kinds import FailureKind
from search_spaces.model import Float, Goal, Objective, Space

MAP = Objective(metric="mAP", goal=Goal.MAXIMIZE)


def _created(*objectives: Objective) -> StudyCreated:
    return StudyCreated(
        study="s1",
        name="brave-otter",
        space=Space(
            name="small", objective=objectives or (MAP,), parameters={"SOLVER.BASE_LR": Float(low=1e-4, high=1e-2)}
        ),
        base={"SOLVER.BASE_LR": 3.5e-4, "INPUT.SIZE_TRAIN": [64, 32]},
        plan=Plan(max_epochs=3, min_epochs=1, eta=3, rungs=(1, 3), brackets=(Bracket(rungs=(1, 3), sizes=(2, 1)),)),
        seed=7,
        algorithm="bohb",
        backend="inline",
        workers=2,
        data_fingerprint="d1",
        versions={"torch": "2.13"},
        command="reid-tune run --space small",
    )


def _suggested(trial: int, rate: float) -> TrialSuggested:
    return TrialSuggested(
        trial=trial, values={"SOLVER.BASE_LR": rate}, origin=Origin.MODEL, reason="best of 24", bracket=0, to_epoch=1
    )


def _report(trial: int, epoch: int, **metrics: float) -> EpochReported:
    return EpochReported(trial=trial, segment=1, epoch=epoch, metrics=metrics)


def _started(trial: int, first: int, last: int) -> SegmentStarted:
    return SegmentStarted(segment=trial + 1, trial=trial, from_epoch=first, to_epoch=last, reason="new")


def _ended(trial: int, outcome: OutcomeKind = OutcomeKind.COMPLETED, **rest: object) -> SegmentEnded:
    return SegmentEnded.model_validate({"segment": trial + 1, "trial": trial, "outcome": outcome} | rest)


def _translated(*events: Event, created: StudyCreated | None = None) -> Translation:
    translation = Translation()
    for seq, event in enumerate([created or _created(), *events], 1):
        translation.translate(Logged(seq, 10.0 + seq, event))
    return translation


def test_study_becomes_a_parent_run_that_says_what_was_asked() -> None:
    parent = _translated().changes[None]
    assert (parent.name, parent.started_ms) == ("brave-otter", 11_000)
    assert parent.params["objective"] == "maximize mAP"
    assert parent.params["max_epochs"] == "3"
    assert parent.tags["reid_tune.study"] == "s1"
    assert parent.tags["reid_tune.version.torch"] == "2.13"
    assert "reid_tune.split_fingerprint" not in parent.tags
    assert parent.tags["mlflow.note.content"] == "`reid-tune run --space small`"


def test_trial_becomes_a_run_with_its_values_origin_and_whole_configuration() -> None:
    change = _translated(_suggested(3, 0.002)).changes[3]
    assert (change.name, change.started_ms, change.status) == ("trial-0003", 12_000, RunStatus.SCHEDULED)
    assert change.params == {"SOLVER.BASE_LR": "0.002"}
    assert {
        key: change.tags[f"reid_tune.{key}"] for key in ("study", "trial", "origin", "reason", "bracket", "rung")
    } == {
        "study": "s1",
        "trial": "3",
        "origin": "model",
        "reason": "best of 24",
        "bracket": "0",
        "rung": "1",
    }
    assert change.tags["reid_tune.data_fingerprint"] == "d1"
    assert yaml.safe_load(change.texts["config.yaml"]) == {
        "SOLVER": {"BASE_LR": 0.002},
        "INPUT": {"SIZE_TRAIN": [64, 32]},
    }


def test_epoch_becomes_points_with_its_epoch_and_time() -> None:
    change = _translated(_suggested(0, 0.1), _started(0, 0, 1), _report(0, 1, mAP=0.25, loss=2.0)).changes[0]
    assert change.points == [Point("loss", 2.0, 14_000, 1), Point("mAP", 0.25, 14_000, 1)]


def test_best_so_far_is_told_at_rungs_against_epochs_spent() -> None:
    reports = [_report(0, 1, mAP=0.5), _report(1, 1, mAP=0.25), _report(1, 2, mAP=0.9), _report(1, 3, mAP=0.75)]
    parent = _translated(_suggested(0, 0.1), _suggested(1, 0.2), *reports).changes[None]
    told = [(point.key, point.value, point.step) for point in parent.points]
    assert told == [("best_mAP", 0.5, 1), ("best_mAP", 0.5, 2), ("best_mAP", 0.75, 4)]


def test_best_follows_each_objectives_goal_and_skips_what_is_not_finite() -> None:
    created = _created(Objective(metric="loss", goal=Goal.MINIMIZE), MAP)
    reports = [_report(0, 1, mAP=0.5, loss=2.0), _report(1, 1, mAP=0.25, loss=float("nan")), _report(1, 3, loss=1.0)]
    parent = _translated(_suggested(0, 0.1), _suggested(1, 0.2), *reports, created=created).changes[None]
    assert [(p.key, p.value) for p in parent.points[-2:]] == [("best_loss", 1.0), ("best_mAP", 0.5)]


def test_run_status_follows_the_trial() -> None:
    events: list[Event] = [
        _suggested(0, 0.1),
        _started(0, 0, 1),
        _report(0, 1, mAP=0.5),
        _ended(0),
        _started(0, 1, 3),
        _ended(0, OutcomeKind.FAILED, failure=FailureKind.DIVERGED, message="loss is NaN", final=True),
    ]
    seen = [_translated(*events[:count]).changes[0].status for count in range(1, len(events) + 1)]
    assert seen == [
        RunStatus.SCHEDULED,
        RunStatus.RUNNING,
        RunStatus.RUNNING,
        RunStatus.FINISHED,
        RunStatus.RUNNING,
        RunStatus.FAILED,
    ]
    failed = _translated(*events).changes[0]
    assert (failed.tags["reid_tune.failure"], failed.tags["reid_tune.message"]) == ("diverged", "loss is NaN")
    assert failed.at_ms == 17_000


def test_trials_of_a_dead_controller_wait_again() -> None:
    taken_over = ControllerStarted(owner="host:2", token=2, workers=1)
    translation = _translated(_suggested(0, 0.1), _started(0, 0, 1), taken_over)
    assert translation.changes[0].status is RunStatus.SCHEDULED
    parent = translation.changes[None]
    assert (parent.status, parent.tags["reid_tune.status"]) == (RunStatus.RUNNING, "running")


def test_stopped_trial_is_killed() -> None:
    stop = CommandGiven(command=CommandKind.TRIAL_STOP, trial=0, by="anna")
    assert _translated(_suggested(0, 0.1), stop).changes[0].status is RunStatus.KILLED


def test_end_keeps_the_best_configuration_and_the_checkpoint_of_its_epoch() -> None:
    saved = [
        CheckpointSaved(trial=1, segment=2, epoch=epoch, path=f"/models/{epoch}.pt", sha256="00") for epoch in (1, 2)
    ]
    reports = [_report(0, 1, mAP=0.25), _report(1, 1, mAP=0.5), _report(1, 2, mAP=0.9)]
    end = StudyEnded(status=StudyStatus.COMPLETED, reason="plan done")
    translation = _translated(_suggested(0, 0.1), _suggested(1, 0.2), *saved, *reports, end)
    parent = translation.changes[None]
    assert (parent.status, parent.at_ms, parent.tags["reid_tune.best_trial"]) == (RunStatus.FINISHED, 19_000, "1")
    assert parent.files == {"/models/1.pt": "best"}
    assert yaml.safe_load(parent.texts["best/config.yaml"])["SOLVER"]["BASE_LR"] == 0.2
    best = json.loads(parent.texts["best/best.json"])
    assert (best["trial"], best["epoch"], best["metrics"]) == (1, 1, {"mAP": 0.5})
    assert translation.changes[0].status is RunStatus.KILLED


def test_end_without_any_result_still_ends_the_parent() -> None:
    parent = _translated(StudyEnded(status=StudyStatus.FAILED, reason="all trials failed")).changes[None]
    assert (parent.status, parent.files) == (RunStatus.FAILED, {})


def test_remembered_events_change_nothing_but_count() -> None:
    translation = Translation()
    events: list[Event] = [_created(), _suggested(0, 0.1), _report(0, 1, mAP=0.5)]
    for seq, event in enumerate(events, 1):
        translation.remember(Logged(seq, float(seq), event))
    assert translation.changes == {}
    translation.translate(Logged(4, 4.0, _report(0, 3, mAP=0.25)))
    assert translation.changes[None].points == [Point("best_mAP", 0.5, 4000, 2)]
    assert translation.changes[0].started_ms == 2000
