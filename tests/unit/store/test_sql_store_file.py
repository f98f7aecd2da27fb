"""What happens to the SQLite file: versions, foreign and damaged files, full disks, locks."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from orchestrator.events import Bracket, EpochReported, Plan, StudyCreated, StudyStatus, event_to_json
from orchestrator.store import SqlStore, StoreError, open_store
from reid_core.errors import Conflict, UsageError
from search_spaces.model import Float, Space

CREATED = StudyCreated(
    study="s1",
    name="old",
    space=Space(name="small", parameters={"SOLVER.BASE_LR": Float(low=1e-4, high=1e-2)}),
    base={"SOLVER.BASE_LR": 3.5e-4},
    plan=Plan(max_epochs=3, min_epochs=3, eta=3, rungs=(3,), brackets=(Bracket(rungs=(3,), sizes=(1,)),)),
    seed=1,
    algorithm="bohb",
    backend="inline",
    workers=1,
)

VERSION_1 = """
CREATE TABLE reid_tune_schema (version INTEGER NOT NULL);
INSERT INTO reid_tune_schema VALUES (1);
CREATE TABLE studies (
    key INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL UNIQUE,
    created_at FLOAT NOT NULL, updated_at FLOAT NOT NULL, seq INTEGER NOT NULL, token INTEGER NOT NULL);
CREATE TABLE events (
    study INTEGER NOT NULL REFERENCES studies (key) ON DELETE CASCADE, seq INTEGER NOT NULL, at FLOAT NOT NULL,
    body TEXT NOT NULL, PRIMARY KEY (study, seq)) WITHOUT ROWID;
CREATE TABLE metrics (
    study INTEGER NOT NULL REFERENCES studies (key) ON DELETE CASCADE, seq INTEGER NOT NULL, trial INTEGER NOT NULL,
    segment INTEGER NOT NULL, epoch INTEGER NOT NULL, at FLOAT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (study, seq), CONSTRAINT one_report_an_epoch UNIQUE (study, trial, epoch)) WITHOUT ROWID;
CREATE TABLE leases (
    study INTEGER NOT NULL PRIMARY KEY REFERENCES studies (key) ON DELETE CASCADE, token INTEGER NOT NULL,
    owner TEXT NOT NULL, since FLOAT NOT NULL, expires FLOAT NOT NULL);
CREATE TABLE commands (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, study INTEGER NOT NULL REFERENCES studies (key) ON DELETE CASCADE,
    at FLOAT NOT NULL, body TEXT NOT NULL);
CREATE INDEX commands_by_study ON commands (study);
CREATE TABLE cursors (
    study INTEGER NOT NULL REFERENCES studies (key) ON DELETE CASCADE, name TEXT NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (study, name));
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "studies.db"


def _write_version_1(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.executescript(VERSION_1)
        connection.execute("INSERT INTO studies VALUES (1, 's1', 'old', 10.0, 13.0, 4, 1)")
        connection.execute("INSERT INTO studies VALUES (2, 's2', 'young', 11.0, 11.0, 1, 0)")
        other = CREATED.model_copy(update={"study": "s2", "name": "young"})
        log = [
            (1, 1, 10.0, event_to_json(CREATED)),
            (1, 2, 11.0, json.dumps({"kind": "controller_started", "owner": "host:1", "token": 1, "workers": 1})),
            (1, 4, 13.0, json.dumps({"kind": "command_given", "command": "pause", "trial": None, "by": "anna"})),
            (2, 1, 11.0, event_to_json(other)),
        ]
        connection.executemany("INSERT INTO events VALUES (?, ?, ?, ?)", log)
        connection.execute("INSERT INTO metrics VALUES (1, 3, 0, 1, 1, 12.0, '{\"mAP\":0.25}')")
    connection.close()


def _layout(path: Path) -> dict[str, list[tuple[str, str, int, int]]]:
    with sqlite3.connect(path) as connection:
        tables = sorted(name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'"))
        return {
            table: sorted(
                (name, kind, notnull, pk)
                for _, name, kind, notnull, _, pk in connection.execute(f"PRAGMA table_info({table})")
            )
            for table in tables
        }


def test_store_of_version_1_is_brought_forward_with_its_studies(path: Path) -> None:
    _write_version_1(path)
    store = open_store(path)
    assert [(row.name, row.status, row.seq) for row in store.studies()] == [
        ("young", StudyStatus.CREATED, 1),
        ("old", StudyStatus.PAUSED, 4),
    ]
    assert [logged.seq for logged in store.events("s1")] == [1, 2, 3, 4]
    token = store.acquire("s1", "host:2", 30.0, 20.0)
    report = EpochReported(trial=0, segment=2, epoch=2, metrics={"mAP": 0.5})
    assert store.append("s1", [report], token=token, at=20.0)[0].seq == 5
    store.close()


def test_migrated_tables_are_those_of_a_new_store(tmp_path: Path) -> None:
    _write_version_1(tmp_path / "old.db")
    for name in ("old.db", "new.db"):
        open_store(tmp_path / name).close()
    assert _layout(tmp_path / "old.db") == _layout(tmp_path / "new.db")


def test_migration_that_fails_leaves_the_old_store(path: Path) -> None:
    _write_version_1(path)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE events SET body = 'torn' WHERE seq = 4")
    connection.close()
    before = _layout(path)
    with pytest.raises(StoreError, match="version 1 that could not be brought forward"):
        open_store(path)
    assert _layout(path) == before


def test_store_of_a_newer_release_is_left_alone(path: Path) -> None:
    open_store(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE reid_tune_schema SET version = 99")
    connection.close()
    with pytest.raises(Conflict, match=r"newer reid-tune \(tables of version 99") as caught:
        open_store(path)
    assert "upgrade" in caught.value.hint


def test_database_of_something_else_is_left_alone(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE recipes (id)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(Conflict, match="database of something else"):
        open_store(path)
    assert path.read_bytes() == before


def test_file_that_is_no_database_is_named(path: Path) -> None:
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(StoreError, match=r"studies\.db is not a database"):
        open_store(path)


def test_damaged_store_is_named(path: Path) -> None:
    store = open_store(path)
    store.create_study(CREATED, 1.0)
    store.close()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(StoreError, match="damaged"):
        open_store(path).studies()


def test_folder_in_place_of_the_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened"):
        open_store(tmp_path)


def test_file_in_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(StoreError, match="cannot make the folder"):
        open_store(tmp_path / "home" / "studies.db")


@pytest.mark.slow
def test_full_disk_refuses_the_batch_and_keeps_everything_before(path: Path) -> None:
    store = open_store(path)
    store.create_study(CREATED, 1.0)
    token = store.acquire("s1", "host:1", 30.0, 1.0)
    _limit_pages(store, 25)
    kept, epoch = [], 0
    with pytest.raises(StoreError, match="no space is left") as caught:  # noqa: PT012 - which append fails is SQLite's
        while True:
            batch = [EpochReported(trial=0, segment=1, epoch=epoch + i, metrics={"mAP": 0.5}) for i in range(1, 21)]
            kept += store.append("s1", batch, token=token, at=2.0)
            epoch += 20
    assert "nothing of this call was recorded" in caught.value.message
    assert len(kept) > 0
    assert list(store.events("s1"))[1:] == kept
    _limit_pages(store, 1000)
    assert store.append("s1", batch, token=token, at=3.0)[0].seq == len(kept) + 2
    store.close()


def _limit_pages(store: SqlStore, pages: int) -> None:
    """A full disk for every later connection of the store."""
    store._engine.dispose()
    sa.event.listen(
        store._engine, "connect", lambda connection, _: connection.execute(f"PRAGMA max_page_count={pages}")
    )


def test_store_locked_by_another_for_too_long_says_so(path: Path) -> None:
    open_store(path).close()
    store = open_store(path, busy_seconds=0.05)
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked"):
        store.create_study(CREATED, 1.0)
    assert store.studies() == []
    blocker.execute("ROLLBACK")
    blocker.close()
    store.create_study(CREATED, 1.0)
    store.close()


@pytest.mark.parametrize("address", ["sqlite://", "sqlite:///:memory:", "oracle9://host/x", "://"])
def test_address_that_cannot_be_a_store_is_refused(address: str) -> None:
    with pytest.raises(UsageError):
        open_store(address)


def test_log_longer_than_a_page_is_read_whole(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.store.sql._PAGE", 7)
    store = open_store(path)
    store.create_study(CREATED, 1.0)
    token = store.acquire("s1", "host:1", 30.0, 1.0)
    batch = [EpochReported(trial=t, segment=1, epoch=e, metrics={"mAP": 0.5}) for t in range(6) for e in range(1, 4)]
    store.append("s1", batch, token=token, at=2.0)
    assert [logged.seq for logged in store.events("s1", after=2, limit=15)] == list(range(3, 18))
    store.close()
