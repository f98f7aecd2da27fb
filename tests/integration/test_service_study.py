"""The service over real training on tiny built-in data: launched controllers, verbs, conflicts, export, retraining."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from orchestrator.events import StudyStatus
from orchestrator.service.retrain import retraining
from orchestrator.service.run import open_run
from orchestrator.service.service import Service
from orchestrator.service.views import StudyRequest
from reid_core.config import load_config
from reid_core.errors import Conflict, InvalidInput, NotFound

pytestmark = pytest.mark.slow

TINY = {
    "DATASETS.SYNTHETIC.IDENTITIES": 8,
    "DATASETS.SYNTHETIC.TEST_IDENTITIES": 4,
    "DATASETS.SYNTHETIC.IMAGES": 2,
    "SOLVER.IMS_PER_BATCH": 16,
}


def request(study: str, **changes) -> StudyRequest:
    plain = {"space": "bnneck", "trials": 2, "max_epochs": 2, "backend": "inline", "name": study, "set": TINY}
    return StudyRequest(**(plain | changes))


def wait_for(condition: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.2)


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("home")
        patch.setenv("REID_TUNE_HOME", str(folder))
        service = Service(folder)
        yield service
        service.close()


@pytest.fixture(scope="module")
def finished(service) -> str:
    study = service.create(request("finished")).id
    with open_run(service, study, track=False) as handle:
        assert handle.run().status is StudyStatus.COMPLETED
    return study


def test_finished_study_tells_its_winner_default_and_trials(service, finished):
    detail = service.study("finished")
    assert detail.trials_started == 2
    assert detail.epochs_spent == detail.epochs_planned
    assert detail.default is not None
    assert 0 <= detail.best.metrics["mAP"] <= 1
    assert [trial.id for trial in detail.trials] == [1, 2]
    assert service.winner(finished).trial in {1, 2}
    assert service.trial(finished, 2).diff


def test_metrics_columns_hold_every_reported_epoch(service, finished):
    columns = service.metrics(finished)
    assert len(columns.trial) == len(columns.epoch) == service.study(finished).epochs_spent
    assert set(columns.metrics) >= {"mAP", "mINP", "rank1", "loss"}


def test_trial_log_says_what_its_segment_did(service, finished):
    assert any("epochs 1 to" in line for line in service.trial_log(finished, 1))


def test_exported_configuration_loads_and_is_the_trials(service, finished, tmp_path):
    file = tmp_path / "winner.yaml"
    file.write_text(service.export_config(finished))
    assert yaml.safe_load(file.read_text())["SOLVER"]["MAX_EPOCH"] == 2
    values = load_config(file).values
    assert values == service.trial(finished, service.winner(finished).trial).config


def test_retrained_winner_is_measured_on_the_test_split(service, finished):
    result = retraining(service, finished, epochs=1).train(threads=1)
    assert result.epochs == 1
    assert Path(result.checkpoint).exists()
    assert 0 <= result.metrics["mAP"] <= 1
    assert "test" in result.protocol or "query" in result.protocol


def test_a_retraining_that_was_interrupted_goes_on_and_one_that_ended_is_not_repeated(service, finished):
    def longer(**asked):
        told: list[str] = []
        return retraining(service, finished, epochs=3).train(threads=1, say=told.append, **asked), told

    asked = iter([False, True])
    stopped, told = longer(should_stop=lambda: next(asked))
    assert stopped is None
    assert [line.partition(":")[0] for line in told] == ["epoch 1 of 3"]
    whole, told = longer()
    assert [line.partition(":")[0] for line in told] == ["goes on after epoch 1 of 3", "epoch 2 of 3", "epoch 3 of 3"]
    again, told = longer()
    assert told == ["is trained already"]
    assert again.metrics == whole.metrics
    shorter, told = retraining(service, finished, epochs=2), []
    assert shorter.train(threads=1, say=told.append).epochs == 2
    assert len(told) == 2, "another length is another training"
    assert not list(shorter.directory.glob("epoch-0003*")), "and takes the place of the one before"


def test_verbs_on_a_finished_study_change_nothing_or_say_so(service, finished):
    before = service.revision(finished)
    service.pause(finished)
    service.stop(finished)
    assert service.revision(finished) == before
    with pytest.raises(Conflict, match="completed"):
        service.resume(finished)


def test_name_is_taken_once(service, finished):
    with pytest.raises(Conflict, match="finished"):
        service.create(request("finished"))


def test_unknown_study_and_trial_are_not_found(service, finished):
    with pytest.raises(NotFound):
        service.study("nobody")
    with pytest.raises(NotFound, match="no trial 99"):
        service.trial(finished, 99)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": "/nowhere"}, "does not exist"),
        ({"algorithm": "bobh"}, "bohb"),
        ({"backend": "cloud"}, "inline, processes or ray"),
        ({"name": "../evil"}, "cannot name a study"),
        ({"set": {"MODEL.BACKBONE.PRETRAIN_PATH": "gone.pth"}}, "there is no file"),
        ({"set": {"SOLVER.BASELR": 1.0}}, "SOLVER.BASE_LR"),
        ({"space": "bneck"}, "bnneck"),
    ],
)
def test_bad_requests_are_refused_before_anything_is_made(service, changes, message):
    before = len(service.studies())
    with pytest.raises((InvalidInput, NotFound), match=message):
        service.create(request("bad", **changes))
    assert len(service.studies()) == before


def test_launched_study_pauses_resumes_and_refuses_a_second_controller(service):
    study = service.create(request("launched", trials=3, max_epochs=3)).id
    service.launch(study)
    wait_for(lambda: service.study(study).epochs_spent >= 1)
    with pytest.raises(Conflict, match="already run by"), open_run(service, study, track=False):
        pass
    service.pause(study, by="test")
    wait_for(lambda: service.summary(study).status is StudyStatus.PAUSED and not service.state(study).running)
    wait_for(lambda: service.store.holder(study) is None)
    spent = service.study(study).epochs_spent
    assert spent < service.study(study).epochs_planned
    service.resume(study)
    wait_for(lambda: service.summary(study).status is StudyStatus.COMPLETED)
    log = [(e.trial, e.text.split(":")[0]) for e in service.events(study) if e.kind == "epoch_reported"]
    assert len(log) == len(set(log)) == service.study(study).epochs_planned


def test_stopping_a_study_nobody_runs_ends_it(service):
    study = service.create(request("stopped")).id
    service.stop(study, by="test")
    wait_for(lambda: service.summary(study).status is StudyStatus.STOPPED)
