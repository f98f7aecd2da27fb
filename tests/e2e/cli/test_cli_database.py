"""A study whose store is a PostgreSQL server, from the first command to the backup that moves it into a file."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from cli_space import RUN
from postgres_server import PASSWORD, Server

DUMP = Path(__file__).resolve().parents[2] / "unit" / "store" / "dumps" / "version_1.sql"


@pytest.mark.slow
def test_a_study_runs_on_a_server_and_its_backup_moves_it_into_a_file(
    cli, home: Path, space: Path, postgres: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("REID_TUNE_STORE", postgres.url())
    printed = [cli(*RUN, "--space", space, "--name", "served")]
    assert printed[0].code == 0, printed[0].err
    assert not (home / "studies.db").exists()
    for words in (["status"], ["studies", "ls"], ["trial", "ls"], ["best"], ["report"], ["doctor"], ["db", "check"]):
        printed.append(cli(*words))
        assert printed[-1].code == (0 if words != ["doctor"] else printed[-1].code), printed[-1].err
    assert "nothing is wrong" in printed[-1].out
    kept = json.loads(cli("db", "backup", tmp_path / "served.backup", "--json").out)
    assert kept["copied"]["studies"] == 1
    shown = cli("status", "served", "--json").out
    monkeypatch.delenv("REID_TUNE_STORE")
    printed.append(cli("db", "restore", tmp_path / "served.backup"))
    assert printed[-1].code == 0, printed[-1].err
    assert cli("status", "served", "--json").out == shown
    assert PASSWORD not in "".join(one.out + one.err for one in printed) + json.dumps(kept)


def test_a_server_that_is_away_is_named_without_its_password(
    cli, home: Path, postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REID_TUNE_STORE", postgres.url().replace(f":{postgres.port}/", ":1/"))
    for words in (["status"], ["studies", "ls"], ["db", "check"], ["db", "upgrade"]):
        done = cli(*words)
        assert done.code == 4, done.err
        assert "127.0.0.1:1/postgres does not answer" in done.err
        assert PASSWORD not in done.out + done.err


def test_upgrade_says_from_which_version_to_which_and_where_the_old_file_is(cli, home: Path) -> None:
    home.mkdir()
    with closing(sqlite3.connect(home / "studies.db")) as connection:
        connection.executescript(DUMP.read_text())
    assert "version 1:" in cli("db", "check").out
    done = cli("db", "upgrade")
    assert f"from version 1 to 3; the old file is kept as {home}/studies.db.version-1" in done.out
    assert "has version 3 already" in cli("db", "upgrade").out
    assert json.loads(cli("db", "upgrade", "--json").out)["before"] == 3


def test_check_ends_with_code_1_when_anything_is_wrong(cli, home: Path) -> None:
    home.mkdir()
    with closing(sqlite3.connect(home / "studies.db")) as connection:
        connection.executescript(DUMP.read_text())
    cli("db", "upgrade")
    with closing(sqlite3.connect(home / "studies.db")) as connection:
        connection.execute("DELETE FROM events WHERE study = 1 AND seq = 4")
        connection.commit()
    done = cli("db", "check")
    assert done.code == 1
    assert "done: event 4 is missing" in done.out
    found = json.loads(cli("db", "check", "--json").out)
    assert found["findings"][0] == {"study": "done", "message": "event 4 is missing"}
    refused = cli("db", "backup", home / "bad.backup")
    assert refused.code == 1
    assert "is not whole" in refused.err


def test_no_store_and_no_backup_are_not_found(cli, home: Path) -> None:
    assert cli("db", "check").code == 5
    assert cli("db", "backup", home / "x.backup").code == 5
    assert cli("db", "restore", home / "x.backup").code == 5
