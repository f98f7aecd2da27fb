"""The pages of a study of another task, and the launch form of the spaces of every task."""

from __future__ import annotations

import json
import re

import pytest
from launch_form import untouched
from sample_study import SampleStudy

from dashboards.form import fill
from orchestrator.service.tasks import tasks
from reid_core.tasks.card import Measure
from search_spaces.load import load_space
from search_spaces.measures import Measures
from search_spaces.model import Objective

NAMING = Measures(
    task="naming",
    own={"top1": Measure("top-1"), "off": Measure("mean error", fraction=False, lower_is_better=True)},
    best="top1",
    shown=("top1", "off"),
)
HTML = {"Accept": "text/html"}


class NamingStudy(SampleStudy):
    def metrics(self, trial, epoch):
        told = super().metrics(trial, epoch)
        return {"top1": told["mAP"], "off": 10 * (1 - told["mAP"]), "loss": told["loss"]}


@pytest.fixture
def named(service):
    study = NamingStudy(service, name="names", measures=NAMING, objective=(Objective(metric="top1"),))
    study.half_way()
    return study


@pytest.mark.slow
def test_study_page_shows_the_metrics_of_its_task(client, service, named):
    text = client.get(f"/studies/{named.id}", headers=HTML).text
    best = service.study(named.id).best
    assert f'<span class="big">{100 * best.metrics["top1"]:.1f}</span> top-1 %' in text
    heads = re.findall(r'<th scope="col"[^>]*>(?:<a [^>]*>)?([^<]*)', text)
    assert heads.index("mean error") == heads.index("top-1 %") + 1
    assert f'<td class="num">{best.metrics["off"]:.4g}</td>' in text
    assert "mAP" not in text


@pytest.mark.slow
def test_list_and_trial_pages_show_them_too(client, service, named):
    best = service.study(named.id).best
    assert '<small class="unit">top-1 %</small>' in client.get("/", headers=HTML).text
    text = client.get(f"/studies/{named.id}/trials/{best.trial}", headers=HTML).text
    assert "</span> top-1 %</li>" in text
    assert "data-measures=" in text
    assert "rank-1" not in text


@pytest.mark.slow
def test_api_tells_what_the_browser_needs_to_show_them(client, named):
    board = client.get(f"/api/v1/studies/{named.id}/board").json()
    assert board["study"]["measures"] == json.loads(NAMING.model_dump_json())
    assert set(board["trials"]["metrics"]) == {"top1", "off"}


@pytest.mark.slow
def test_launch_form_offers_the_spaces_of_every_task(client, service):
    text = client.get("/launch", headers=HTML).text
    for task in tasks():
        for space in task.spaces:
            assert space in text


def test_an_edited_space_of_another_task_keeps_its_objective(service):
    space = service.space("classification")
    filled = fill(space, {**untouched(space), "high:SOLVER.BASE_LR": "0.5"})
    edited = load_space(filled.request.space).space
    assert edited.objective == space.space.objective
    assert edited.measures == space.space.measures
