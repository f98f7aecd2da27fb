"""Stores of every released version, as real dumps, brought forward on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from postgres_server import Server
from trials.studies import controller

from orchestrator.events import StudyStatus, fold
from orchestrator.store import SqlStore, StoreError, open_store
from orchestrator.store.examine import examine_store
from orchestrator.store.opening import upgrade_store
from orchestrator.store.schema import VERSION
from reid_core.errors import Conflict

DUMPS = Path(__file__).parent / "dumps"
OLDER = range(1, VERSION)

UPGRADE = """
import sys
from orchestrator.store.opening import upgrade_store
sys.stdin.readline()
print(upgrade_store(sys.argv[1]).before)
"""


def old_file(path: Path, version: int) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((DUMPS / f"version_{version}.sql").read_text(encoding="utf-8"))
    return path


def old_database(postgres: Server, version: int) -> str:
    url = postgres.database()
    postgres.load(url, DUMPS / f"version_{version}_postgresql.sql")
    return url


def goes_on(store: SqlStore, folder: Path) -> None:
    """The studies are whole, and the one that rested can be finished by today's controller."""
    assert [(row.name, row.status, row.seq, row.archived) for row in store.studies()] == [
        ("resting", StudyStatus.PAUSED, 8, False),
        ("done", StudyStatus.COMPLETED, 19, False),
    ]
    assert fold(store.events("id-done")).epochs_spent == 4
    assert (store.cursor("id-done", "mlflow"), len(store.pending("id-resting"))) == (4, 1)
    assert controller(store, "id-resting", folder).run().status is StudyStatus.STOPPED
    store.close()


def columns(url: str) -> dict[str, list[tuple[str, str, bool]]]:
    """The tables as the database describes them."""
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    look = sa.inspect(engine)
    found = {
        table: sorted((one["name"], str(one["type"]), bool(one["nullable"])) for one in look.get_columns(table))
        for table in look.get_table_names()
    }
    engine.dispose()
    return found


def test_every_older_version_has_its_dumps() -> None:
    for version in OLDER:
        assert (DUMPS / f"version_{version}.sql").exists()
        assert (DUMPS / f"version_{version}_postgresql.sql").exists()


@pytest.mark.parametrize("version", OLDER)
def test_an_older_file_is_copied_beside_itself_brought_forward_and_goes_on(tmp_path: Path, version: int) -> None:
    path = old_file(tmp_path / "studies.db", version)
    store = open_store(path)
    kept = tmp_path / f"studies.db.version-{version}"
    assert examine_store(kept).version == version
    assert examine_store(path).findings == []
    goes_on(store, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("version", OLDER)
def test_an_older_database_waits_for_its_upgrade_and_goes_on(postgres: Server, tmp_path: Path, version: int) -> None:
    url = old_database(postgres, version)
    with pytest.raises(Conflict, match=f"tables of version {version}") as refused:
        open_store(url)
    assert "reid-tune db upgrade" in refused.value.hint
    assert (upgrade_store(url).before, upgrade_store(url).before) == (version, VERSION)
    fresh = postgres.url()
    open_store(fresh).close()
    assert columns(url) == columns(fresh)
    assert examine_store(url).findings == []
    goes_on(open_store(url), tmp_path)


@pytest.mark.slow
def test_an_older_database_without_studies_is_brought_forward_unasked(postgres: Server) -> None:
    url = old_database(postgres, 1)
    postgres.execute(url, "DELETE FROM studies")
    store = open_store(url)
    assert store.studies() == []
    store.close()


@pytest.mark.slow
def test_an_upgrade_that_fails_leaves_the_database_as_it_was(postgres: Server) -> None:
    url = old_database(postgres, 1)
    postgres.execute(url, "UPDATE events SET body = 'torn' WHERE study = 2 AND seq = 8")
    before = columns(url)
    with pytest.raises(StoreError, match="could not be brought forward"):
        upgrade_store(url)
    assert columns(url) == before


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_of_two_upgrades_at_once_one_does_it_and_the_other_finds_it_done(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    if kind == "sqlite":
        address = f"sqlite:///{old_file(tmp_path / 'studies.db', 1)}"
    else:
        address = old_database(request.getfixturevalue("postgres"), 1)
    running = [
        subprocess.Popen(
            [sys.executable, "-c", UPGRADE, address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        for _ in range(2)
    ]
    for one in running:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    assert sorted(one.communicate()[0].strip() for one in running) == ["1", str(VERSION)]
    assert [path.name for path in tmp_path.glob("*.version-*")] == (
        ["studies.db.version-1"] if kind == "sqlite" else []
    )
    assert examine_store(address).findings == []
