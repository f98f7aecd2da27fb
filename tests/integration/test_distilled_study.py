"""A study teaches the next one: teacher study, distilled study, both retrained; and what is refused on the way."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from orchestrator.events import StudyStatus
from orchestrator.service.retrain import retraining
from orchestrator.service.run import open_run
from orchestrator.service.service import Service
from orchestrator.service.views import StudyRequest
from reid_core import api
from reid_core.errors import NotFound

pytestmark = pytest.mark.slow

TINY = {
    "DATASETS.SYNTHETIC.IDENTITIES": 8,
    "DATASETS.SYNTHETIC.TEST_IDENTITIES": 4,
    "DATASETS.SYNTHETIC.IMAGES": 2,
    "SOLVER.IMS_PER_BATCH": 16,
}
STUDENTS = """
name: students
recipe: demo
fixed:
  MODEL.BACKBONE.NAME: build_osnet_backbone
  MODEL.BACKBONE.DEPTH: x0_25
  MODEL.BACKBONE.FEAT_DIM: 128
parameters:
  KD.LOGITS.TEMPERATURE: {type: float, low: 1.0, high: 32.0, log: true}
  KD.EMBEDDING.SCALE: {type: choice, values: [0.0, 1.0]}
"""


def request(study: str, **changes) -> StudyRequest:
    plain = {"space": "bnneck", "trials": 2, "max_epochs": 2, "backend": "inline", "name": study, "set": TINY}
    return StudyRequest(**(plain | changes))


def finish(service: Service, asked: StudyRequest) -> str:
    study = service.create(asked).id
    with open_run(service, study, track=False) as handle:
        state = handle.run()
    assert state.status is StudyStatus.COMPLETED, state.reason
    return study


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("home")
        patch.setenv("REID_TUNE_HOME", str(folder))
        service = Service(folder)
        yield service
        service.close()


@pytest.fixture(scope="module")
def teacher(service) -> str:
    return finish(service, request("teacher"))


@pytest.fixture(scope="module")
def pupil(service, teacher) -> str:
    """A distilled study whose teacher's own checkpoints are gone before its first trial."""
    study = service.create(request("pupil", space=STUDENTS, teacher=("study:teacher",))).id
    away = service.home.study(teacher) / "trials"
    shutil.move(away, away.with_name("kept"))
    try:
        with open_run(service, study, track=False) as handle:
            assert handle.run().status is StudyStatus.COMPLETED
    finally:
        shutil.move(away.with_name("kept"), away)
    return study


def test_students_learn_from_a_copy_of_the_teachers_best_trial(service, teacher, pupil):
    detail = service.study(pupil)
    (taught,) = detail.teachers
    assert (taught.name, taught.trial, taught.same_data) == ("teacher", service.winner(teacher).trial, True)
    assert Path(taught.path).is_relative_to(service.home.study(pupil))
    assert detail.command.count("--teacher study:teacher") == 1
    assert service.report(pupil).teachers == detail.teachers
    trial = service.trial(pupil, 1)
    assert trial.config["KD.MODEL_WEIGHTS"] == [taught.path]
    assert any("kd" in name.lower() or "logits" in name.lower() for name in trial.curves), sorted(trial.curves)


def test_the_students_checkpoints_hold_no_teacher(service, teacher, pupil):
    student, taught = (Path(service.trial(study, 1).checkpoint) for study in (pupil, teacher))
    assert api.describe_checkpoint(student).network.startswith("osnet x0_25")
    assert student.stat().st_size < taught.stat().st_size / 10


def test_retraining_waits_for_the_teachers_and_then_learns_from_it(service, teacher, pupil):
    with pytest.raises(NotFound, match="reid-tune best teacher --retrain"):
        retraining(service, pupil, epochs=1).train(threads=1)
    whole = retraining(service, teacher, epochs=1).train(threads=1)
    made = retraining(service, pupil, epochs=1).train(threads=1)
    assert made.config["KD.MODEL_WEIGHTS"] == [whole.checkpoint]
    (again,) = made.teachers
    assert (again.identities, again.study) == (8, teacher)
    assert again.metrics["mAP"] == pytest.approx(whole.metrics["mAP"])
    assert 0 <= made.metrics["mAP"] <= 1
