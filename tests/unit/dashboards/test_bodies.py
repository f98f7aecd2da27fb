"""Answers that are written once: what a client gets, and how often they are made."""

from __future__ import annotations

import gzip

import pytest
from fastapi import Request
from fastapi.testclient import TestClient
from sample_study import SampleStudy

from dashboards.app import create_app
from dashboards.bodies import Bodies
from orchestrator.service.views import BoardView

BODY = b'{"long":"' + 5_000 * b"x" + b'"}'


def asking(encoding: str = "gzip, br") -> Request:
    return Request({"type": "http", "headers": [(b"accept-encoding", encoding.encode())]})


class Made:
    """A body, and how often it was written."""

    def __init__(self, body: bytes = BODY) -> None:
        self.body, self.times = body, 0

    def __call__(self) -> bytes:
        self.times += 1
        return self.body


def test_a_body_is_written_once_for_all_who_ask():
    bodies, made = Bodies(), Made()
    answers = [bodies.answer(asking(encoding), "", 'W/"1"', made) for encoding in ("gzip", "gzip", "identity")]
    assert made.times == 1
    assert [answer.headers.get("content-encoding") for answer in answers] == ["gzip", "gzip", None]
    assert [gzip.decompress(answer.body) for answer in answers[:2]] + [answers[2].body] == [BODY] * 3


def test_a_client_that_has_the_state_gets_no_body_and_none_is_written():
    made = Made()
    answer = Bodies().answer(asking(), 'W/"0", W/"1"', 'W/"1"', made)
    assert (answer.status_code, answer.body, made.times) == (304, b"", 0)


def test_bodies_without_room_are_written_again():
    bodies, made = Bodies(most_bytes=1), [Made(), Made()]
    for turn in (0, 1, 1, 0):
        bodies.answer(asking(), "", f'W/"{turn}"', made[turn])
    assert [each.times for each in made] == [2, 1]


@pytest.fixture
def client(service):
    with TestClient(create_app(service), base_url="http://127.0.0.1:8080") as client:
        yield client


@pytest.mark.slow
def test_the_board_holds_what_the_page_draws(client, service):
    study = SampleStudy(service)
    study.half_way()
    answer = client.get(f"/api/v1/studies/{study.id}/board")
    board, trials = BoardView.model_validate_json(answer.content), service.trials(study.id)
    assert board.study.model_copy(update={"trials": tuple(trials)}) == service.study(study.id)
    assert list(board.trials.id) == [row.id for row in trials]
    assert len(board.curves.epoch) == board.study.epochs_spent
    assert board.best.best[-1] == board.study.best.metrics["mAP"]
    assert (
        client.get(f"/api/v1/studies/{study.id}/board", headers={"If-None-Match": answer.headers["etag"]}).status_code
        == 304
    )


@pytest.mark.slow
def test_latest_is_told_anew_when_another_study_takes_its_place(client, service):
    SampleStudy(service)
    first = client.get("/api/v1/studies/latest")
    SampleStudy(service, name="second")
    second = client.get("/api/v1/studies/latest", headers={"If-None-Match": first.headers["etag"]})
    assert second.json()["name"] == "second"
