"""A study with several objectives and a constraint: its page, its API, and the same page without them."""

import re

import pytest
from sample_study import SampleStudy

from reid_core.errors import NotFound, UsageError
from search_spaces.model import Objective

TWO = (Objective(), Objective(metric="latency_ms", goal="minimize"))


@pytest.fixture
def two(service):
    sample = SampleStudy(service, name="two", objective=TWO)
    sample.half_way()
    return sample


def limited(service, constraint):
    sample = SampleStudy(service, name="limited", constraints=(constraint,))
    sample.half_way()
    return sample


def page(client, path):
    answer = client.get(path, headers={"Accept": "text/html"})
    assert answer.status_code == 200
    return answer.text


def test_front_is_what_no_rung_dominates(service, two):
    detail = service.study(two.id)
    points = [
        (row.id, epoch, metrics["mAP"], metrics["latency_ms"])
        for row in detail.trials
        for epoch, metrics in service.state(two.id).trials[row.id].history.items()
        if epoch in two.plan.rungs
    ]
    wanted = {
        (trial, epoch)
        for trial, epoch, value, latency in points
        if not any(v >= value and ms <= latency and (v, ms) != (value, latency) for _, _, v, ms in points)
    }
    assert {(one.trial, one.epoch) for one in detail.front} == wanted
    assert len(wanted) > 1
    assert [one.metrics["mAP"] for one in detail.front] == sorted(
        (p.metrics["mAP"] for p in detail.front), reverse=True
    )
    assert 0 < detail.hypervolume < 1
    assert (detail.best.trial, detail.best.epoch) == (detail.front[0].trial, detail.front[0].epoch)


@pytest.mark.slow
def test_study_page_has_the_front_as_a_table_without_javascript(client, service, two):
    text = page(client, f"/studies/{two.id}")
    front = re.search(r'<div id="front">(.*?)</table>', text, re.DOTALL).group(1)
    for one in service.study(two.id).front:
        assert f'href="/studies/{two.id}/trials/{one.trial}">{one.trial}</a>' in front
        assert f'<td class="num">{100 * one.metrics["mAP"]:.1f}</td>' in front
    assert "latency ms" in front
    assert 'id="chart-front"' in text
    assert "Hypervolume 0." in text


@pytest.mark.slow
def test_one_objective_has_no_front(client, service, study):
    detail = service.study(study.id)
    assert (detail.front, detail.hypervolume, detail.constraints) == ((), None, ())
    assert "front" not in page(client, f"/studies/{study.id}").lower()


@pytest.mark.slow
def test_board_tells_the_page_every_objective_of_every_trial(client, two):
    board = client.get(f"/api/v1/studies/{two.id}/board").json()
    assert set(board["trials"]["metrics"]) >= {"mAP", "latency_ms"}
    assert board["study"]["front"][0]["metrics"]["latency_ms"] > 0
    assert board["trials"]["broken"] == []


@pytest.mark.slow
def test_winner_satisfies_the_constraint_though_others_got_further(client, service):
    study = limited(service, "latency_ms <= 4.5")
    rows = {row.id: row for row in service.trials(study.id)}
    best = service.winner(study.id)
    assert best.metrics["latency_ms"] <= 4.5
    assert best.broken == ()
    sound = [row for row in rows.values() if row.metrics and row.metrics["latency_ms"] <= 4.5]
    assert best.epoch == max(row.epoch for row in sound)
    assert max(row.epoch for row in rows.values()) > best.epoch
    assert all(rows[number].broken == ("latency_ms <= 4.5",) for number in rows if rows[number] not in sound)
    assert service.summary(study.id).best.metrics["latency_ms"] <= 4.5
    assert "wanted: latency_ms &lt;= 4.5" in page(client, f"/studies/{study.id}")


@pytest.mark.slow
def test_page_says_that_nothing_satisfies_the_constraint(client, service):
    study = limited(service, "latency_ms <= 1")
    best = service.summary(study.id).best
    assert best.broken == ("latency_ms <= 1",)
    assert best.metrics["latency_ms"] == min(
        row.metrics["latency_ms"] for row in service.trials(study.id) if row.metrics
    )
    assert f"satisfies latency_ms &lt;= 1 yet; trial {best.trial} is the nearest" in page(
        client, f"/studies/{study.id}"
    )


def test_another_of_the_front_is_picked_by_metric_or_by_trial(service, two):
    front = service.study(two.id).front
    fastest = min(front, key=lambda one: one.metrics["latency_ms"])
    assert service.winner(two.id, pick="latency_ms").trial == fastest.trial
    assert service.winner(two.id, pick="mAP").trial == front[0].trial
    assert service.winner(two.id, trial=7).trial == 7
    with pytest.raises(UsageError, match="not an objective"):
        service.winner(two.id, pick="rank1")
    with pytest.raises(NotFound, match="no trial 99"):
        service.winner(two.id, trial=99)


def test_report_puts_the_front_first_and_names_it(service, two):
    report = service.report(two.id)
    front = list(dict.fromkeys(one.trial for one in service.study(two.id).front))
    assert [trial.id for trial in report.trials][: len(front)] == front == list(report.front)
    assert report.metrics == ("mAP", "mINP", "rank1", "latency_ms")
    assert report.hypervolume == service.study(two.id).hypervolume
