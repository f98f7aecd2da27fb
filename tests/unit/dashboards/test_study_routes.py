"""The study's pages without JavaScript: table by address, comparison, report, verbs by forms; CSV and API."""

import csv
import io
import re

import pytest
from sample_study import SampleStudy

from dashboards.svg import Chart, Line, line_chart
from orchestrator.service.views import TrialRow


def page(client, path, status=200):
    answer = client.get(path, headers={"Accept": "text/html"})
    assert answer.status_code == status, answer.text
    return answer.text


def listed(text):
    return [int(number) for number in re.findall(r'name="trials" value="(\d+)"', text)]


@pytest.mark.slow
def test_table_follows_the_filter_the_order_and_the_columns_of_its_address(client, study):
    text = page(client, f"/studies/{study.id}?filter=state+=+resting&sort=-trial&columns=trial,SOLVER.BASE_LR")
    assert listed(text) == [8, 6, 5, 3, 2, 1]
    assert "6 of 9 trials" in text
    heads = re.findall(r"<th scope=\"col\"[^>]*>(?:<a[^>]*>)?([^<]*)", text[text.index('id="trials"') :])
    assert heads == ["Trial", "BASE_LR"]
    assert 'href="/api/v1/studies/' + study.id + "/trials.csv?filter=state" in text


@pytest.mark.slow
def test_columns_may_be_ticked_one_by_one(client, study):
    assert listed(page(client, f"/studies/{study.id}?columns=trial&columns=mAP")) != []


@pytest.mark.slow
def test_a_fault_in_the_filter_is_told_beside_it_and_the_trials_still_shown(client, study):
    text = page(client, f"/studies/{study.id}?filter=rank1+%3E+")
    assert "column 8: a value stands here, not the end" in text
    assert len(listed(text)) == 9


@pytest.mark.slow
def test_a_filter_is_text_and_never_markup(client, study):
    text = page(client, f"/studies/{study.id}?filter=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
    assert "<script>alert" not in text


@pytest.mark.slow
def test_long_tables_have_pages(client, service):
    long = SampleStudy(service, name="long", trials=60)
    for trial in range(1, 61):
        long.suggest(trial)
        long.run(trial, 0, 7)
    first, second = (listed(page(client, f"/studies/{long.id}?page={at}")) for at in (1, 2))
    assert (len(first), len(second)) == (50, 10)
    assert sorted(first + second) == list(range(1, 61))


@pytest.mark.slow
def test_compared_trials_need_no_javascript(client, study):
    text = page(client, f"/studies/{study.id}/compare?trials=1&trials=7,4")
    assert text.index('id="differences"') < text.index("line-chart") < text.index('id="compared-metrics"')
    assert "SOLVER.BASE_LR" in text
    for trial in (1, 7, 4):
        assert f'href="/studies/{study.id}/trials/{trial}"' in text


@pytest.mark.slow
@pytest.mark.parametrize(("trials", "status"), [("1", 422), ("1,x", 422), ("1,999", 404)])
def test_what_cannot_be_compared_is_refused(client, study, trials, status):
    page(client, f"/studies/{study.id}/compare?trials={trials}", status)


@pytest.mark.slow
def test_report_is_one_file_that_refers_to_nothing_outside(client, study):
    answer = client.get(f"/studies/{study.id}/report")
    assert answer.status_code == 200
    assert not re.findall(r"""(?:src|href|action)\s*=|url\(|@import|<script|<link""", answer.text)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for told in ("Best against the recipe", "What matters", "What was searched", study.service.study(study.id).command):
        assert told in answer.text
    assert "<style>:root" in answer.text.replace("<style>/*", "<style>:root")


@pytest.mark.slow
def test_report_of_a_study_without_trials_says_so(client, service):
    empty = SampleStudy(service, name="empty")
    assert "No epoch is finished yet." in page(client, f"/studies/{empty.id}/report")


@pytest.mark.slow
def test_csv_has_the_filtered_trials(client, study):
    answer = client.get(f"/api/v1/studies/{study.id}/trials.csv?filter=failed&columns=trial,state,failure")
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="cows-bnneck-trials.csv"'
    assert list(csv.reader(io.StringIO(answer.text))) == [["trial", "state", "failure"], ["4", "failed", "diverged"]]


@pytest.mark.slow
def test_api_filters_and_sorts_trials(client, study):
    rows = client.get(f"/api/v1/studies/{study.id}/trials", params={"filter": "epoch >= 20", "sort": "-epoch"}).json()
    assert [TrialRow.model_validate(row).id for row in rows] == [7, 5, 6]
    refused = client.get(f"/api/v1/studies/{study.id}/trials", params={"filter": "epoch >="})
    assert refused.status_code == 422
    assert refused.json()["error"]["findings"][0]["col"] == 9


def commands(service, study):
    return [pending.command for pending in service.store.pending(study.id)]


@pytest.mark.slow
def test_stop_at_the_rung_is_a_choice_of_the_form(client, service, study):
    assert client.post(f"/studies/{study.id}/stop", data={"how": "rung"}).status_code == 303
    (command,) = commands(service, study)
    assert (command.command, command.asked.at_rung) == ("stop", True)


@pytest.mark.slow
def test_extending_by_a_form_adds_trials(client, service, study):
    assert client.post(f"/studies/{study.id}/extend", data={"trials": "3", "epochs": ""}).status_code == 303
    (command,) = commands(service, study)
    assert command.command == "extend"
    assert command.asked.plan.trials == 15


@pytest.mark.slow
def test_a_number_that_is_none_is_refused_with_its_field(client, study):
    answer = client.post(f"/studies/{study.id}/extend", data={"trials": "many"})
    assert answer.status_code == 422
    assert answer.json()["error"]["findings"][0]["key"] == "trials"


@pytest.mark.slow
def test_limits_of_the_form_stand_and_emptied_ones_go(client, service, study):
    client.post(f"/studies/{study.id}/limits", data={"epochs": "300", "target": "mAP >= 0.9", "wall_time": ""})
    client.post(f"/studies/{study.id}/limits", data={"epochs": "300", "target": "", "wall_time": ""})
    last = commands(service, study)[-1].asked.limits
    assert (last.epochs, last.target) == (300, "")


@pytest.mark.slow
def test_note_and_tags_come_from_their_forms(client, service, study):
    client.post(f"/studies/{study.id}/note", data={"text": "look at <b>7</b>"})
    client.post(f"/studies/{study.id}/tags", data={"tags": "paper, cows,, paper"})
    told = {command.command: command.asked for command in commands(service, study)}
    assert told["note"].text == "look at <b>7</b>"
    assert told["tag"].tags == ("paper", "cows")


@pytest.mark.slow
def test_a_form_that_asks_for_json_gets_what_the_verb_did(client, study):
    answer = client.post(f"/studies/{study.id}/pause", headers={"Accept": "application/json"})
    assert answer.json()["changed"] is True


def test_a_chart_escapes_what_it_is_told_and_breaks_where_nothing_is():
    chart = line_chart(Chart("x", "<b>", "n"), [Line("<i>", [1, 2, 3, 4], [0.1, 0.2, None, 0.4])])
    assert "<b>" not in chart
    assert "&lt;i&gt;" in chart
    assert chart.count("M") >= 2
    assert line_chart(Chart("x", "y", "n"), [Line("a", [1], [None])]) == ""
