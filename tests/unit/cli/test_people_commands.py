"""`reid-tune users` and `audit`."""

import json

import pytest
from click.testing import CliRunner

from orchestrator.cli.main import cli
from orchestrator.service.people import People, Role
from reid_core.errors import Conflict, InvalidInput, NotFound

PASSWORD = "correct horse battery"


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("REID_TUNE_HOME", str(tmp_path))
    runner = CliRunner()

    def go(*words, typed=""):
        done = runner.invoke(cli, words, input=typed, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    return go


@pytest.mark.slow
def test_a_person_is_added_with_a_password_from_standard_input(run, tmp_path):
    assert "ada may sign in as operator" in run("users", "add", "ada", "--role", "operator", typed=f"{PASSWORD}\n")
    people = People(tmp_path / "users.json")
    assert people.by_password("ada", PASSWORD).role is Role.OPERATOR
    assert json.loads(run("users", "ls", "--json")) == {"people": [{"name": "ada", "role": "operator"}]}
    with pytest.raises(Conflict):
        run("users", "add", "ada", typed=f"{PASSWORD}\n")


def test_a_short_password_and_an_odd_name_are_refused(run):
    with pytest.raises(InvalidInput, match="password"):
        run("users", "add", "ada", typed="short\n")
    with pytest.raises(InvalidInput, match="cannot name a person"):
        run("users", "add", "../ada", typed=f"{PASSWORD}\n")


@pytest.mark.slow
def test_password_token_and_removal(run, tmp_path):
    run("users", "add", "ada", typed=f"{PASSWORD}\n")
    token = run("users", "token", "ada").splitlines()[0]
    people = People(tmp_path / "users.json")
    assert people.by_token(token).name == "ada"
    run("users", "passwd", "ada", typed="another long password\n")
    assert people.by_token(token) is None
    assert people.by_password("ada", PASSWORD) is None
    assert "cannot sign in" in run("users", "remove", "ada")
    assert "no person ada" in run("users", "remove", "ada")
    with pytest.raises(NotFound):
        run("users", "token", "ada")


@pytest.mark.slow
def test_the_audit_log_tells_who_changed_the_people(run):
    run("users", "add", "ada", typed=f"{PASSWORD}\n")
    run("users", "remove", "ada")
    entries = json.loads(run("audit", "--json"))
    assert [(one["what"], one["path"]) for one in entries] == [("users add", "ada"), ("users remove", "ada")]
    assert "users remove" in run("audit", "--last", "1")
