"""Backup, restore and check: between SQLite and PostgreSQL, while others write, and of damaged stores."""

from __future__ import annotations

import math
import re
import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from postgres_server import Server
from trials.studies import controller, created

from orchestrator.events import (
    CommandGiven,
    CommandKind,
    EpochReported,
    Event,
    Origin,
    SegmentStarted,
    StudyStatus,
    TrialSuggested,
)
from orchestrator.store import StoreError, open_store
from orchestrator.store.examine import examine_store
from orchestrator.store.maintenance import backup_store, restore_store
from reid_core.errors import Conflict, NotFound

Address = Callable[[], str]


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Address:
    """Addresses of new stores of one kind."""
    if request.param == "postgresql":
        server: Server = request.getfixturevalue("postgres")
        return server.url
    numbers = iter(range(99))
    return lambda: f"sqlite:///{tmp_path}/{next(numbers)}/studies.db"


def filled(address: str, folder: Path) -> str:
    """A store with a study that ended, and one that is being run: with a metric that is no number, and a command."""
    store = open_store(address)
    store.create_study(created(trials=2, max_epochs=3), 5.0)
    controller(store, "id-curves", folder).run()
    store.create_study(created("other"), 6.0)
    token = store.acquire("id-other", "elsewhere:1", 1e9, store.now())
    report = EpochReported(trial=1, segment=1, epoch=1, metrics={"loss": math.nan, "mAP": 0.1 + 0.2})
    store.append("id-other", [*begun(range(1, 2)), report], token=token, at=7.0)
    store.grant("id-other", 2)
    store.post("id-other", CommandGiven(command=CommandKind.PAUSE, by="änn"), 8.0)
    store.set_cursor("id-curves", "mlflow", 3)
    store.close()
    return address


def told(address: str | Path) -> list[tuple[object, ...]]:
    """Everything that a restored store must have of the first."""
    store = open_store(address)
    found = [
        (row, [repr(one) for one in store.events(row.id)], store.pending(row.id), store.cursor(row.id, "mlflow"))
        for row in store.studies()
    ]
    store.close()
    return found


@pytest.mark.slow
@pytest.mark.parametrize("into", ["sqlite", "postgresql"])
def test_a_backup_restores_into_either_kind(
    address: Address, into: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    source, copy = filled(address(), tmp_path), tmp_path / "monday.backup"
    assert backup_store(source, copy).examined.studies == 2
    assert [path.name for path in tmp_path.glob("monday*")] == ["monday.backup"]
    target = str(tmp_path / "new" / "studies.db") if into == "sqlite" else request.getfixturevalue("postgres").url()
    restore_store(copy, target)
    assert told(target) == told(source)
    again = open_store(target)
    assert again.holder("id-other") is None
    assert again.granted("id-other") is None, "no service starts it unasked"
    with pytest.raises(Conflict):  # its memory may be ahead of what was restored
        again.append("id-other", [], token=1, at=9.0)
    number = again.post("id-other", CommandGiven(command=CommandKind.STOP, by="ben"), 9.0)
    assert [one.id for one in again.pending("id-other")][-1] == number
    again.create_study(created("third", trials=1, max_epochs=1), 10.0)
    assert controller(again, "id-third", tmp_path).run().status is StudyStatus.COMPLETED
    again.close()


@pytest.mark.slow
def test_a_restore_refuses_a_store_with_studies(address: Address, tmp_path: Path) -> None:
    source = filled(address(), tmp_path)
    backup_store(source, tmp_path / "one.backup")
    before = told(source)
    with pytest.raises(Conflict, match="holds studies"):
        restore_store(tmp_path / "one.backup", source)
    assert told(source) == before


@pytest.mark.slow
def test_a_backup_made_while_a_controller_writes_is_of_one_moment(address: Address, tmp_path: Path) -> None:
    url = address()
    store = open_store(url)
    store.create_study(created(), 1.0)
    token = store.acquire("id-curves", "a", 1e9, store.now())
    store.append("id-curves", begun(range(1, 21)), token=token, at=1.0)
    first, ended = threading.Event(), threading.Event()

    def write() -> None:
        epoch = 0
        while not ended.is_set():
            epoch += 1
            batch = [
                EpochReported(trial=trial, segment=trial, epoch=epoch, metrics={"mAP": 0.5}) for trial in range(1, 21)
            ]
            store.append("id-curves", batch, token=token, at=2.0)
            first.set()

    writer = threading.Thread(target=write)
    writer.start()
    assert first.wait(60)
    try:
        copied = backup_store(url, tmp_path / "live.backup").examined
    finally:
        ended.set()
        writer.join()
        store.close()
    assert copied.reports % 20 == 0
    assert copied.reports > 0


@pytest.mark.slow
def test_a_backup_overwrites_nothing_and_needs_a_store(address: Address, tmp_path: Path) -> None:
    there = tmp_path / "there.backup"
    there.write_text("mine")
    with pytest.raises(Conflict, match="exists already"):
        backup_store(address(), there)
    assert there.read_text() == "mine"
    with pytest.raises(NotFound, match="no store"):
        backup_store(address(), tmp_path / "new.backup")


@pytest.mark.slow
def test_a_file_that_is_no_backup_is_refused(address: Address, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear Anna" * 500)
    with pytest.raises(StoreError, match=r"letter\.txt"):
        restore_store(tmp_path / "letter.txt", address())


DAMAGES = [
    ("DELETE FROM events WHERE study = 1 AND seq = 4", "event 4 is missing"),
    ("DELETE FROM events WHERE study = 1 AND seq = 19", "event 19 is missing|events 19 to 19"),
    ("UPDATE studies SET seq = 12 WHERE key = 1", "rows of events lie beyond its last event"),
    ("UPDATE studies SET status = 'paused' WHERE key = 1", "listed as paused, its events say completed"),
    ("UPDATE studies SET status = 'lost' WHERE key = 1", "the list of studies cannot be read"),
    ("UPDATE studies SET archived = 1 WHERE key = 1", "differ in whether it is archived"),
    ("UPDATE studies SET token = 0 WHERE key = 2", "the newest given out is 0"),
    ("UPDATE events SET body = '{}' WHERE study = 1 AND seq = 3", "event 3 .* cannot be read"),
    ("UPDATE metrics SET body = 'x' WHERE study = 1 AND seq = 5", "event 5 .* cannot be read"),
    ("UPDATE metrics SET trial = 77 WHERE study = 1 AND seq = 5", "trial 77, which was never suggested|follow"),
    ("UPDATE commands SET body = '{}'", "command 1 in its inbox cannot be read"),
]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite store with nothing wrong, to be copied."""
    folder = tmp_path_factory.mktemp("whole")
    filled(str(folder / "studies.db"), folder)
    assert examine_store(folder / "studies.db").findings == []
    return folder / "studies.db"


@pytest.mark.slow
@pytest.mark.parametrize(("statement", "said"), DAMAGES)
def test_check_names_what_is_wrong(whole: Path, tmp_path: Path, statement: str, said: str) -> None:
    copy = tmp_path / "studies.db"
    shutil.copy(whole, copy)
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute(statement)
        connection.commit()
    found = examine_store(copy).findings
    assert any(re.search(said, fault.message) for fault in found), found


@pytest.mark.slow
def test_check_names_what_is_wrong_on_a_server(whole: Path, postgres: Server) -> None:
    url = postgres.url()
    restore_store(whole, url)
    assert examine_store(url).findings == []
    postgres.execute(url, DAMAGES[0][0])
    postgres.execute(url, "UPDATE metrics SET body = 'x' WHERE study = 2")
    found = examine_store(url).findings
    assert found[0].study == "other"
    assert "event 4 " in found[0].message
    assert (found[1].study, found[1].message) == ("curves", "event 4 is missing")


def begun(trials: range) -> list[Event]:
    """The events that begin one segment each."""
    place = {"values": {"lr": 1e-3, "width": 2}, "origin": Origin.RANDOM, "reason": "", "bracket": 0, "to_epoch": 3}
    return [
        event
        for trial in trials
        for event in (
            TrialSuggested(trial=trial, **place),
            SegmentStarted(segment=trial, trial=trial, from_epoch=0, to_epoch=3),
        )
    ]
