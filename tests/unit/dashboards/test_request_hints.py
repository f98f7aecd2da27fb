"""A request that is not understood is told what it lacks."""

from __future__ import annotations

import pytest

STOP = "/api/v1/studies/{}/stop"
JSON = {"content-type": "application/json"}


@pytest.mark.slow
def test_an_unknown_verb_is_answered_with_the_verbs_there_are(client, study):
    answer = client.post(f"/api/v1/studies/{study.id}/explode")
    assert answer.status_code == 404
    assert "archive, clone, enqueue" in answer.json()["error"]["hint"]
    trial = client.post(f"/api/v1/studies/{study.id}/trials/0/explode")
    assert "pin, promote, retry, stop, unpin" in trial.json()["error"]["hint"]


@pytest.mark.slow
def test_an_unknown_study_is_not_taken_for_an_unknown_verb(client):
    assert "verb" not in client.post("/api/v1/studies/nobody/pause").json()["error"]["message"]


@pytest.mark.slow
@pytest.mark.parametrize("headers", [{}, {"content-type": "text/plain"}])
def test_a_body_that_does_not_say_what_it_is_is_told_how_to(client, study, headers):
    answer = client.post(STOP.format(study.id), content=b'{"at_rung": true}', headers=headers)
    assert answer.status_code == 422
    assert answer.json()["error"]["hint"] == "send Content-Type: application/json"


@pytest.mark.slow
def test_a_body_that_is_no_json_is_said_to_be_none(client, study):
    answer = client.post(STOP.format(study.id), content=b'{"at_rung": ', headers=JSON)
    assert answer.status_code == 422
    assert answer.json()["error"]["message"].startswith("the body is no JSON: ")


@pytest.mark.slow
def test_a_field_that_is_wrong_keeps_its_own_words(client, study):
    answer = client.post(STOP.format(study.id), json={"at_rung": 7})
    assert answer.json()["error"]["findings"][0]["key"] == "at_rung"
