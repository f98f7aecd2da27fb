"""The page of a trial: its verbs as forms, its configuration beside the best's, its checkpoints and texts."""

import html
import re

import pytest

from orchestrator.events import EpochReported
from orchestrator.tracking import MlflowProjection

HTML = {"Accept": "text/html"}


def page(client, study, trial, query=""):
    answer = client.get(f"/studies/{study.id}/trials/{trial}{query}", headers=HTML)
    assert answer.status_code == 200
    return html.unescape(answer.text)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("trial", "enabled"), [(4, {"retry", "pin"}), (9, {"stop", "pin"}), (1, {"stop", "promote", "pin"})]
)
def test_only_verbs_that_would_do_something_can_be_clicked(client, service, study, trial, enabled):
    if trial == 1 and service.trial(study.id, 1).status != "resting":
        trial = next(row.id for row in service.trials(study.id) if row.status == "resting")
    text = page(client, study, trial)
    forms = dict(re.findall(rf'action="/studies/{study.id}/trials/{trial}/(\w+)"[^>]*><button([^>]*)>', text))
    assert {verb for verb, rest in forms.items() if "disabled" not in rest} == enabled


@pytest.mark.slow
def test_pinning_from_the_page_pins_and_comes_back(client, service, study):
    answer = client.post(f"/studies/{study.id}/trials/2/pin")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/studies/{study.id}/trials/2")
    told = client.post(f"/studies/{study.id}/trials/2/pin", headers={"Accept": "application/json"}).json()
    assert not told["changed"]


@pytest.mark.slow
def test_a_clone_sends_only_what_was_changed(client, service, study):
    text = page(client, study, 1)
    fields = dict(re.findall(r'name="(set:[^"]+)" value="([^"]*)"', text))
    assert "set:SOLVER.BASE_LR" in fields
    answer = client.post(f"/studies/{study.id}/trials/1/clone", data={**fields, "set:SOLVER.BASE_LR": "0.004"})
    assert answer.status_code == 303
    same = client.post(f"/studies/{study.id}/trials/1/clone", data=fields)
    assert same.status_code == 400 or "nothing is changed" in same.text


@pytest.mark.slow
def test_configuration_stands_beside_the_default_and_the_best(client, service, study):
    best = service.study(study.id).best.trial
    other = next(row.id for row in service.trials(study.id) if row.id not in {best, 1})
    text = page(client, study, other)
    assert f'<a href="/studies/{study.id}/trials/{best}">trial {best}</a>' in text
    assert "this is the best trial" in page(client, study, best)


@pytest.mark.slow
def test_checkpoints_that_are_gone_are_told(client, study):
    assert re.search(r"<td>lost", page(client, study, 2))


@pytest.mark.slow
def test_what_its_processes_printed_has_an_address_of_its_own(client, service, study):
    folder = service.home.study(study.id) / "trials" / "0002"
    folder.mkdir(parents=True)
    (folder / "stderr.log").write_text("a warning\n")
    assert "a warning" in page(client, study, 2, "?log=stderr")
    assert "a warning" not in page(client, study, 2)
    api = f"/api/v1/studies/{study.id}/trials/2/log"
    assert client.get(f"{api}?output=stderr").json() == {"lines": ["a warning"]}
    assert client.get(f"{api}?output=passwd").status_code == 422


@pytest.mark.slow
def test_curves_of_losses_rates_and_use_have_a_chart_each(client, service, study):
    text = page(client, study, 2)
    assert 'data-curves="mAP mINP rank1"' in text or 'data-curves="mAP' in text
    assert 'data-curves="loss"' in text


@pytest.mark.slow
def test_a_trial_without_a_checkpoint_has_no_gallery_to_build(client, study):
    study.suggest(10)
    answer = client.get(f"/studies/{study.id}/trials/10/gallery", headers=HTML)
    assert "has no checkpoint yet" in answer.text
    assert client.post(f"/studies/{study.id}/trials/10/gallery", headers=HTML).status_code == 404


@pytest.mark.slow
def test_mlflow_is_named_only_where_it_has_the_study_and_linked_only_where_it_is_a_server(
    client, service, study, monkeypatch
):
    assert "MLflow" not in page(client, study, 2)
    service.store.set_cursor(study.id, "mlflow", 3)
    assert "reid-tune mlflow ui" in page(client, study, 2)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://anna:secret@mlflow.example:5000")
    study.append(EpochReported(trial=9, segment=study.segment, epoch=3, metrics=study.metrics(9, 3)))
    text = page(client, study, 2)
    assert f'<a href="/studies/{study.id}/trials/2/mlflow">' in text
    assert "secret" not in text


@pytest.mark.slow
def test_the_way_to_mlflow_leads_to_the_run_and_keeps_the_password_back(client, study, monkeypatch):
    assert client.get(f"/studies/{study.id}/trials/2/mlflow", headers=HTML).status_code == 404
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://anna:secret@mlflow.example:5000")
    monkeypatch.setattr(MlflowProjection, "run_of", lambda _self, trial: ("4", f"run-{trial}"))
    answer = client.get(f"/studies/{study.id}/trials/2/mlflow", headers=HTML)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("http://mlflow.example:5000/#/experiments/4/runs/run-2?")
    monkeypatch.setattr(MlflowProjection, "run_of", lambda _self, _trial: None)
    assert client.get(f"/studies/{study.id}/trials/2/mlflow", headers=HTML).status_code == 404


@pytest.mark.slow
def test_galleries_are_one_click_away(client, service, study):
    best = service.study(study.id).best.trial
    folder = service.home.study(study.id) / "retrain" / "winner"

    def links(path):
        return re.findall(r'href="(/studies/[^"]+/gallery)"', client.get(path, headers=HTML).text)

    own, winner = f"/studies/{study.id}/trials/{best}/gallery", f"/studies/{study.id}/winner/gallery"
    for path in (f"/studies/{study.id}", f"/studies/{study.id}/trials/{best}"):
        assert links(path) == [own]
    folder.mkdir(parents=True)
    (folder / "epoch-0009.pt").touch()
    for path in (f"/studies/{study.id}", f"/studies/{study.id}/trials/{best}"):
        assert links(path) == [own, winner]
