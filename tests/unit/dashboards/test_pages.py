import re

import pytest
from sample_study import SampleStudy

HTML = {"Accept": "text/html"}


def page(client, path, status=200):
    answer = client.get(path, headers=HTML)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    return answer.text


@pytest.mark.slow
def test_list_of_no_studies_says_how_to_begin(client):
    text = page(client, "/")
    assert "No study yet" in text
    assert "reid-tune --space bnneck.yaml --trials 12" in text


@pytest.mark.slow
def test_list_shows_each_study_with_its_best_in_percent(client, service, study):
    text = page(client, "/")
    best = service.study(study.id).best.metrics["mAP"]
    assert f'href="/studies/{study.id}"' in text
    assert f"<strong>{100 * best:.1f}</strong>" in text


@pytest.mark.slow
def test_study_page_has_every_trial_without_javascript(client, service, study):
    text = page(client, f"/studies/{study.id}")
    for row in service.trials(study.id):
        assert f'href="/studies/{study.id}/trials/{row.id}">{row.id}</a>' in text
    assert "9 → 3 → 1 trials to epochs 7 / 20 / 60" in text
    assert "242 epochs instead of 720" in text


@pytest.mark.slow
def test_study_without_trials_renders(client, service):
    empty = SampleStudy(service, name="fresh")
    assert "No trial yet" in page(client, f"/studies/{empty.id}")


@pytest.mark.slow
@pytest.mark.parametrize("trial", [1, 4, 9])
def test_trial_page_renders_finished_failed_and_running_ones(client, service, study, trial):
    text = page(client, f"/studies/{study.id}/trials/{trial}")
    detail = service.trial(study.id, trial)
    assert f"epoch <strong>{detail.epoch}</strong> of {detail.to_epoch}" in text
    for item in detail.diff:
        assert f"<code>{item.key}</code>" in text


@pytest.mark.slow
def test_trial_page_shows_the_end_of_the_log(client, service, study):
    folder = service.home.study(study.id) / "trials" / "0002"
    folder.mkdir(parents=True)
    (folder / "trial.log").write_text("first <line>\nlast line\n")
    assert "first &lt;line&gt;\nlast line" in page(client, f"/studies/{study.id}/trials/2")


@pytest.mark.slow
def test_failure_is_told_on_the_trial_page(client, study):
    assert "loss became NaN in epoch 2, iteration 14" in page(client, f"/studies/{study.id}/trials/4")


@pytest.mark.slow
@pytest.mark.parametrize(
    "path", ["/studies/nope", "/studies/nope/trials/1", "/nowhere", "/studies/a%20b", "/launch?space=nope"]
)
def test_unknown_addresses_get_a_page_that_leads_back(client, path):
    assert 'href="/">All studies</a>' in page(client, path, 404)


@pytest.mark.slow
def test_launch_page_has_a_field_for_each_parameter_and_shows_the_plan(client, service):
    text = page(client, "/launch?space=bnneck")
    for key in service.space("bnneck").space.parameters:
        assert f'name="vary:{key}"' in text
    assert "<strong>12</strong> trials" in text
    assert "reid-tune run --space bnneck" in text


@pytest.mark.slow
def test_plan_follows_what_is_typed(client):
    answer = client.post("/launch", data={"space": "bnneck", "action": "plan", "trials": "4", "max_epochs": "9"})
    assert answer.status_code == 200
    assert "<strong>4</strong> trials" in answer.text
    assert "--trials 4 --max-epochs 9" in answer.text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"data": "/no/such/folder"}, "data"),
        ({"algorithm": "guess"}, "algorithm"),
        ({"schedule": "guess"}, "schedule"),
        ({"algorithm": "freeze-thaw", "schedule": "asha"}, "schedule"),
        ({"trials": "0"}, "trials"),
        ({"set": "SOLVER.BASELR: 1"}, "set"),
        ({"low:SOLVER.BASE_LR": "3", "high:SOLVER.BASE_LR": "1"}, "low:SOLVER.BASE_LR"),
    ],
)
def test_launch_faults_are_shown_beside_their_field(client, service, values, field):
    answer = client.post("/launch", data={"space": "bnneck", "action": "launch", **values})
    assert answer.status_code == 422
    faults = re.search(rf'<div class="faults" data-for="{re.escape(field)}"[^>]*>(.*?)</div>', answer.text, re.DOTALL)
    assert 'role="alert"' in faults.group(1)
    assert service.studies() == []


@pytest.mark.slow
def test_launching_creates_the_study_and_leads_to_it(client, service, monkeypatch):
    started = []
    asked = []

    def launch(study, by):
        started.append(study)
        asked.append(by)
        return service.summary(study)

    monkeypatch.setattr(service, "launch", launch)
    answer = client.post(
        "/launch", data={"space": "bnneck", "action": "launch", "trials": "3", "name": "from-the-page"}
    )
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/studies/{started[0]}"
    assert asked == ["web from testclient"]
    assert service.summary("from-the-page").trials_planned == 3


@pytest.mark.slow
def test_buttons_without_javascript_ask_the_service_and_come_back(client, service, study):
    answer = client.post(f"/studies/{study.id}/pause")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/studies/{study.id}")
    assert [pending.command.command for pending in service.store.pending(study.id)] == ["pause"]
