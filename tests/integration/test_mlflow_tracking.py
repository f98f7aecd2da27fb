"""A study's log in a real MLflow on SQLite."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestrator.events import (
    Bracket,
    CheckpointSaved,
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
from orchestrator.tracking import MlflowProjection, SyncReport, sync
from orchestrator.trial.kinds import FailureKind
from reid_core.errors import ServerUnreachable
from search_spaces.model import Float, Space

TRIALS, EPOCHS = 3, 3


def _study(study: str, name: str, checkpoint: str) -> list[Logged]:
    """Three trials of three epochs; the last one diverges after its first epoch."""
    events: list[Event] = [
        StudyCreated(
            study=study,
            name=name,
            space=Space(name="small", parameters={"SOLVER.BASE_LR": Float(low=1e-4, high=1e-2)}),
            base={"SOLVER.BASE_LR": 3.5e-4, "INPUT.SIZE_TRAIN": [64, 32]},
            plan=Plan(max_epochs=3, min_epochs=1, eta=3, rungs=(1, 3), brackets=(Bracket(rungs=(1, 3), sizes=(3, 1)),)),
            seed=1,
            algorithm="bohb",
            backend="inline",
            workers=1,
            versions={"torch": "2.13"},
        ),
        ControllerStarted(owner="host:1", token=1, workers=1),
    ]
    for trial in range(TRIALS):
        segment, diverged = trial + 1, trial == TRIALS - 1
        events += [
            TrialSuggested(
                trial=trial,
                values={"SOLVER.BASE_LR": 0.001 * (trial + 1)},
                origin=Origin.RANDOM,
                reason="random share",
                bracket=0,
                to_epoch=EPOCHS,
            ),
            SegmentStarted(segment=segment, trial=trial, from_epoch=0, to_epoch=EPOCHS),
        ]
        for epoch in range(1, 2 if diverged else EPOCHS + 1):
            loss = float("nan") if diverged else 2.0 / epoch
            metrics = {"mAP": 0.1 * epoch + 0.05 * trial, "mINP": 0.05 * epoch, "rank1": 0.2 * epoch, "loss": loss}
            saved = CheckpointSaved(trial=trial, segment=segment, epoch=epoch, path=checkpoint, sha256="00")
            events += [saved, EpochReported(trial=trial, segment=segment, epoch=epoch, metrics=metrics)]
        end = SegmentEnded(segment=segment, trial=trial, outcome=OutcomeKind.COMPLETED)
        failed = {
            "outcome": OutcomeKind.FAILED,
            "failure": FailureKind.DIVERGED,
            "message": "loss is NaN",
            "final": True,
        }
        events.append(end.model_copy(update=failed) if diverged else end)
    events.append(StudyEnded(status=StudyStatus.COMPLETED, reason="plan done"))
    return [Logged(seq, 1_700_000_000.0 + seq, event) for seq, event in enumerate(events, 1)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def uri(folder: Path) -> str:
    return f"sqlite:///{folder}/mlflow.db"


@pytest.fixture(scope="module")
def checkpoint(folder: Path) -> Path:
    path = folder / "epoch-3.pt"
    path.write_bytes(b"weights")
    return path


@pytest.fixture(scope="module")
def log(uri: str, checkpoint: Path) -> list[Logged]:
    """A study that was projected without trouble."""
    log = _study("s1", "brave-otter", str(checkpoint))
    assert _sync(MlflowProjection(uri, "s1", "brave-otter"), log, [0]).complete
    return log


@pytest.fixture(scope="module")
def client(uri: str, log: Sequence[Logged]) -> Any:
    from mlflow.tracking import MlflowClient

    return MlflowClient(tracking_uri=uri)


def _sync(projection: MlflowProjection, log: Sequence[Logged], cursor: list[int], batch: int = 2000) -> SyncReport:
    def read(after: int) -> Iterator[Logged]:
        return iter(log[after:])

    def set_cursor(seq: int) -> None:
        cursor[0] = seq

    return sync(read, lambda: cursor[0], set_cursor, projection, batch=batch, sleep=lambda _: None)


def _runs(client: Any, name: str) -> dict[str, Any]:
    experiment = client.get_experiment_by_name(name)
    assert experiment is not None
    return {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}


def _points(client: Any, run: Any, key: str) -> list[tuple[int, float, int]]:
    history = client.get_metric_history(run.info.run_id, key)
    return sorted((point.step, point.value, point.timestamp) for point in history)


def test_study_is_a_parent_run_with_one_child_run_a_trial(client: Any) -> None:
    runs = _runs(client, "brave-otter")
    assert sorted(runs) == ["brave-otter", "trial-0000", "trial-0001", "trial-0002"]
    parent = runs.pop("brave-otter")
    assert {run.data.tags["mlflow.parentRunId"] for run in runs.values()} == {parent.info.run_id}
    assert parent.info.status == "FINISHED"
    assert [runs[f"trial-000{trial}"].info.status for trial in range(3)] == ["FINISHED", "FINISHED", "FAILED"]
    assert runs["trial-0002"].data.tags["reid_tune.failure"] == "diverged"


def test_every_epoch_is_a_point_with_its_step_and_time(client: Any) -> None:
    run = _runs(client, "brave-otter")["trial-0001"]
    assert [step for step, _, _ in _points(client, run, "mAP")] == [1, 2, 3]
    assert [value for _, value, _ in _points(client, run, "mAP")] == [0.1 + 0.05, 0.2 + 0.05, 0.1 * 3 + 0.05]
    assert sorted(run.data.metrics) == ["loss", "mAP", "mINP", "rank1"]
    assert run.data.params == {"SOLVER.BASE_LR": "0.002"}
    assert run.data.tags["reid_tune.origin"] == "random"
    first, last = _points(client, run, "mAP")[0], _points(client, run, "mAP")[-1]
    assert run.info.start_time < first[2] < last[2] < run.info.end_time


def test_parent_keeps_the_best_model_and_the_course_of_the_best(client: Any, tmp_path: Path) -> None:
    parent = _runs(client, "brave-otter")["brave-otter"]
    assert [step for step, _, _ in _points(client, parent, "best_mAP")] == [1, 3, 4, 6, 7]
    artifacts = Path(client.download_artifacts(parent.info.run_id, "best", str(tmp_path)))
    assert (artifacts / "epoch-3.pt").read_bytes() == b"weights"
    assert yaml.safe_load((artifacts / "config.yaml").read_text())["SOLVER"]["BASE_LR"] == 0.002
    child = _runs(client, "brave-otter")["trial-0000"]
    config = Path(client.download_artifacts(child.info.run_id, "config.yaml", str(tmp_path)))
    assert yaml.safe_load(config.read_text())["INPUT"]["SIZE_TRAIN"] == [64, 32]


@pytest.mark.parametrize("cut", [2, 6, 13])
def test_restart_anywhere_goes_on_in_the_same_runs_without_repeated_points(
    client: Any, uri: str, checkpoint: Path, log: Sequence[Logged], cut: int
) -> None:
    study = f"cut-{cut}"
    again = _study(study, study, str(checkpoint))
    MlflowProjection(uri, study, study).feed(again[: cut + 3])
    assert _sync(MlflowProjection(uri, study, study), again, [cut]).complete  # the last three were not ticked off
    whole, cut_up = _runs(client, "brave-otter"), _runs(client, study)
    assert len(cut_up) == TRIALS + 1
    for name in (*(f"trial-{trial:04d}" for trial in range(TRIALS)), None):
        run, other = whole[name or "brave-otter"], cut_up[name or study]
        assert run.data.params == other.data.params
        assert (run.info.status, run.info.end_time) == (other.info.status, other.info.end_time)
        for key in run.data.metrics:
            assert repr(_points(client, run, key)) == repr(_points(client, other, key))


def test_store_that_becomes_unwritable_is_reported_and_filled_later(folder: Path, checkpoint: Path) -> None:
    path = folder / "shaky" / "mlflow.db"
    log, cursor = _study("s3", "shaky", str(checkpoint)), [0]
    projection = MlflowProjection(f"sqlite:///{path}", "s3", "shaky")
    assert _sync(projection, log[:8], cursor).complete
    away = path.rename(path.with_suffix(".away"))
    path.mkdir()
    report = _sync(projection, log, cursor)
    assert (report.complete, report.errors, report.seq, cursor) == (False, 3, 8, [8])
    assert "cannot be written: unable to open database file" in report.last_error
    path.rmdir()
    away.rename(path)
    assert _sync(projection, log, cursor, batch=3).complete
    assert cursor == [len(log)]
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{path}")
    assert len(_points(client, _runs(client, "shaky")["trial-0000"], "mAP")) == EPOCHS


def test_bad_address_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    projection = MlflowProjection(f"sqlite:///{tmp_path}/file/mlflow.db", "s4", "bad")
    with pytest.raises(ServerUnreachable, match="cannot be written"):
        projection.feed([])


def test_name_of_another_experiment_is_left_to_it(
    client: Any, uri: str, checkpoint: Path, log: Sequence[Logged]
) -> None:
    projection = MlflowProjection(uri, "s5", "brave-otter")
    projection.feed(_study("s5", "brave-otter", str(checkpoint / "gone"))[:9])
    assert client.get_experiment(projection.experiment_id).name == "brave-otter (s5)"
    assert len(_runs(client, "brave-otter")) == TRIALS + 1


def test_experiment_deleted_in_the_ui_is_restored(client: Any, uri: str, checkpoint: Path) -> None:
    log, cursor = _study("s6", "deleted", str(checkpoint)), [0]
    first = MlflowProjection(uri, "s6", "deleted")
    _sync(first, log[:6], cursor)
    client.delete_experiment(first.experiment_id)
    assert _sync(MlflowProjection(uri, "s6", "deleted"), log, cursor).complete
    assert len(_runs(client, "deleted")) == TRIALS + 1


def test_checkpoint_that_is_gone_is_named(client: Any, uri: str, folder: Path) -> None:
    gone = str(folder / "gone.pt")
    _sync(MlflowProjection(uri, "s7", "gone"), _study("s7", "gone", gone), [0])
    assert _runs(client, "gone")["gone"].data.tags["reid_tune.missing_checkpoint"] == gone
