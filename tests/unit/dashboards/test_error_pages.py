"""Every kind of error says on its page what happened and what one can do."""

import logging

import pytest
from fastapi.testclient import TestClient

from dashboards.app import create_app
from orchestrator.service.errors import Conflict

HTML = {"accept": "text/html"}


@pytest.fixture
def broken(service, monkeypatch):
    """A client of a server on which `/` raises what the test puts into the list."""
    raised = []

    def studies(**_):
        raise raised[0]

    monkeypatch.setattr(service, "studies", studies)
    app = create_app(service)
    with TestClient(app, base_url="http://127.0.0.1:8080", raise_server_exceptions=False) as client:
        yield client, raised


@pytest.mark.slow
def test_a_missing_page_says_so_and_leads_back(client):
    answer = client.get("/studies/nobody", headers=HTML)
    assert answer.status_code == 404
    assert "nobody" in answer.text
    assert 'href="/">All studies' in answer.text


@pytest.mark.slow
def test_a_conflict_says_that_nothing_was_changed(broken):
    client, raised = broken
    raised.append(Conflict("study cows runs already", hint="stop it first"))
    answer = client.get("/", headers=HTML)
    assert answer.status_code == 409
    for part in ("study cows runs already", "stop it first", "Nothing was changed"):
        assert part in answer.text


@pytest.mark.slow
def test_a_defect_is_logged_under_the_number_that_the_page_tells(broken, caplog):
    client, raised = broken
    raised.append(ZeroDivisionError("a secret of the inside"))
    with caplog.at_level(logging.ERROR, "uvicorn.error"):
        answer = client.get("/", headers=HTML)
    assert answer.status_code == 500
    assert "a secret of the inside" not in answer.text
    assert "Content-Security-Policy" in answer.headers
    [record] = [record for record in caplog.records if "error" in record.getMessage()]
    number = record.getMessage().split()[1].rstrip(":")
    assert number in answer.text


@pytest.mark.slow
def test_a_defect_behind_the_api_is_json(broken):
    client, raised = broken
    raised.append(ZeroDivisionError("inside"))
    answer = client.get("/api/v1/studies")
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "failed"


@pytest.mark.slow
def test_the_theme_that_one_chose_is_there_before_any_script(client):
    for theme, media in (("dark", "all"), ("light", "not all"), ("", "(prefers-color-scheme: dark)"), ("'>", "(pref")):
        page = client.get("/", headers={**HTML, "cookie": f"theme={theme}"}).text
        assert f'id="dark-tokens" media="{media}' in page
