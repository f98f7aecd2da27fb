"""The verbs over HTTP: each asked twice is done once, with who asked; bodies are judged before anything is recorded."""

from __future__ import annotations

import time

import pytest
from fastapi.testclient import TestClient
from trials.studies import created

from dashboards.app import create_app
from dashboards.errors import ErrorBody
from orchestrator.events import (
    CommandGiven,
    ControllerStarted,
    EpochReported,
    OutcomeKind,
    SegmentEnded,
    SegmentStarted,
    StudyStatus,
)
from orchestrator.search import make_algorithm
from orchestrator.service.views_acting import Acted, Deleted, StudyDifference

STUDIES = "/api/v1/studies"
WHO = "web from testclient"


@pytest.fixture
def study(service) -> str:
    """A study at rest with a resting trial, number 1."""
    first = created("cows").model_copy(update={"command": "reid-tune run --space curves --name cows"})
    service.store.create_study(first, time.time())
    token = service.store.acquire(first.study, "elsewhere:1", 60, time.time())
    move = make_algorithm(first).next(service.state("cows"))
    told = [
        ControllerStarted(owner="elsewhere:1", token=token, workers=1),
        move.suggested(1),
        SegmentStarted(segment=1, trial=1, from_epoch=0, to_epoch=1),
        EpochReported(trial=1, segment=1, epoch=1, metrics={"mAP": 0.1}),
        SegmentEnded(segment=1, trial=1, outcome=OutcomeKind.COMPLETED),
    ]
    service.store.append(first.study, told, token=token, at=time.time())
    service.store.release(first.study, token)
    return first.study


@pytest.fixture
def client(service, monkeypatch):
    """Pages over the service; a study that is resumed gets no controller."""
    monkeypatch.setattr("orchestrator.service.service.spawn", lambda *_words, **_more: None)
    with TestClient(create_app(service), base_url="http://127.0.0.1:8080", follow_redirects=False) as client:
        yield client


def commands(service, study):
    told = [one.event for one in service.store.events(study) if isinstance(one.event, CommandGiven)]
    return [(one.command.value, one.by) for one in told]


@pytest.mark.parametrize(
    ("path", "body", "kind"),
    [
        ("/pause", None, "pause"),
        ("/resume", None, "resume"),
        ("/stop", None, "stop"),
        ("/stop", {"at_rung": True}, "stop"),
        ("/stop", {"now": True}, "stop"),
        ("/archive", None, "archive"),
        ("/limits", {"epochs": 99}, "limits"),
        ("/note", {"text": "a note"}, "note"),
        ("/tag", {"add": ["paper"]}, "tag"),
        ("/enqueue", {"values": {"lr": 0.01}}, "enqueue"),
        ("/trials/1/stop", None, "trial_stop"),
        ("/trials/1/promote", None, "trial_promote"),
        ("/trials/1/pin", None, "trial_pin"),
        ("/trials/1/clone", {"set": {"width": 7}}, "enqueue"),
    ],
)
def test_a_verb_asked_twice_is_recorded_once_with_who_asked(client, service, study, path, body, kind):
    answers = [client.post(f"{STUDIES}/{study}{path}", json=body) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200], answers[0].text
    assert [Acted.model_validate_json(answer.content).changed for answer in answers] == [True, False]
    assert commands(service, study) == [(kind, WHO)]


@pytest.mark.parametrize(("first", "second"), [("trials/1/stop", "trials/1/retry"), ("trials/1/pin", "trials/1/unpin")])
def test_a_verb_and_its_opposite_leave_the_trial_able_to_go_on(client, service, study, first, second):
    for path in (first, second):
        assert client.post(f"{STUDIES}/{study}/{path}").json()["changed"]
    trial = client.get(f"{STUDIES}/{study}/trials/1").json()
    assert (trial["status"], trial["pinned"]) in {("waiting", False), ("resting", False)}


def test_extending_answers_with_the_longer_plan_and_reopens_what_had_ended(client, service, study):
    client.post(f"{STUDIES}/{study}/stop")
    body = client.post(f"{STUDIES}/{study}/extend", json={"trials": 3}).json()
    assert (body["status"], body["trials_planned"]) == ("paused", 8)
    longer = client.post(f"{STUDIES}/{study}/extend", json={"trials": 1, "max_epochs": 27})
    assert ErrorBody.model_validate_json(longer.content).error.code == "usage"


def test_archived_studies_are_listed_on_demand(client, study):
    client.post(f"{STUDIES}/{study}/archive")
    assert client.get(STUDIES).json() == []
    assert [one["archived"] for one in client.get(STUDIES, params={"archived": True}).json()] == [True]
    client.post(f"{STUDIES}/{study}/unarchive")
    assert len(client.get(STUDIES).json()) == 1


def test_a_clone_is_a_new_study_and_diff_tells_them_apart(client, study):
    made = Acted.model_validate_json(
        client.post(f"{STUDIES}/{study}/clone", json={"name": "calves", "seed": 3}).content
    )
    assert (made.name, made.status) == ("calves", StudyStatus.CREATED)
    found = StudyDifference.model_validate_json(client.get(f"{STUDIES}/{study}/diff/calves").content)
    assert ("search", "seed", "7", "3") in {(d.section, d.what, d.first, d.second) for d in found.differences}
    assert client.post(f"{STUDIES}/{study}/clone", json={"name": "calves"}).status_code == 409


def test_a_deleted_study_is_gone_and_one_that_runs_is_not_deleted(client, service, study):
    token = service.store.acquire(study, "elsewhere:1", 60, time.time())
    assert client.delete(f"{STUDIES}/{study}").status_code == 409
    service.store.release(study, token)
    folder = service.home.study(study)
    folder.mkdir(parents=True)
    assert Deleted.model_validate_json(client.delete(f"{STUDIES}/{study}").content).name == "cows"
    assert not folder.exists()
    assert client.delete(f"{STUDIES}/{study}").status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/limits", {}, 422),
        ("/limits", {"clear": ["colour"]}, 422),
        ("/limits", {"wall_time": "soon"}, 422),
        ("/note", {"text": "x" * 10_001}, 422),
        ("/tag", {"add": ["a,b"]}, 422),
        ("/enqueue", {"values": {"lr": 7.0}}, 422),
        ("/enqueue", {"values": {"colour": 1}}, 422),
        ("/extend", {"trials": 0}, 422),
        ("/extend", {}, 422),
        ("/clone", {"name": "../evil"}, 422),
        ("/clone", {"name": "x", "set": {"lr": 1}}, 422),
        ("/trials/1/clone", {"set": {}}, 422),
        ("/trials/1/clone", {"set": {"lr": "fast"}}, 422),
        ("/trials/99/pin", None, 404),
        ("/stop", {"unheard": 1}, 422),
        ("/stop", {"at_rung": True, "now": True}, 422),
    ],
)
def test_what_makes_no_sense_is_refused_and_leaves_no_trace(client, service, study, path, body, status):
    answer = client.post(f"{STUDIES}/{study}{path}", json=body)
    assert answer.status_code == status, answer.text
    assert ErrorBody.model_validate_json(answer.content).error.message
    assert commands(service, study) == []
    assert [one.name for one in service.studies()] == ["cows"]
