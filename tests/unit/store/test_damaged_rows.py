"""A row that this software did not write is refused with its number, and never folded."""

from __future__ import annotations

import gc
import sqlite3
from pathlib import Path

import pytest

from orchestrator.events import (
    Bracket,
    EpochReported,
    Origin,
    Plan,
    SegmentStarted,
    StudyCreated,
    TrialSuggested,
    event_to_json,
    fold,
)
from orchestrator.store import StoreError, open_store
from search_spaces.model import Float, Space

METRICS = {"mAP": 0.25, "loss": float("inf"), "mINP": 1e-300}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store whose study has the reports 4 and 5."""
    path = tmp_path / "studies.db"
    store = open_store(path)
    plan = Plan(max_epochs=3, min_epochs=3, eta=3, rungs=(3,), brackets=(Bracket(rungs=(3,), sizes=(1,)),))
    space = Space(name="small", parameters={"SOLVER.BASE_LR": Float(low=1e-4, high=1e-2)})
    texts = {"study": "s1", "name": "old", "algorithm": "bohb", "backend": "inline"}
    store.create_study(StudyCreated(space=space, base={}, plan=plan, seed=1, workers=1, **texts), 1.0)
    token = store.acquire("s1", "owner", 60.0, 1.0)
    events = [
        TrialSuggested(trial=1, values={}, origin=Origin.DEFAULT, reason="", bracket=0, to_epoch=3),
        SegmentStarted(segment=1, trial=1, from_epoch=0, to_epoch=3),
        EpochReported(trial=1, segment=1, epoch=1, metrics={"mAP": 0.5}),
        EpochReported(trial=1, segment=1, epoch=2, metrics=METRICS),
    ]
    store.append("s1", events, token=token, at=2.0)
    store.close()
    return path


def _change(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    assert connection.execute(statement).rowcount == 1
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE metrics SET body = '{\"mAP\":' WHERE seq = 5", r"event 5 .*studies\.db cannot be read"),
        ('UPDATE metrics SET body = \'{"mAP":"high"}\' WHERE seq = 5', "event 5 .*mAP: Input should be a valid number"),
        ("UPDATE metrics SET body = '{},{}' WHERE seq = 4", "event 4 .*cannot be read"),
        ("UPDATE metrics SET epoch = 'second' WHERE seq = 5", "event 5 .*'second'"),
        ('UPDATE events SET body = \'{"kind":"gossip"}\' WHERE seq = 3', "event 3 .*cannot be read"),
        ("UPDATE events SET body = replace(body, 'from_epoch', 'from') WHERE seq = 3", "event 3 .*from"),
    ],
)
def test_a_damaged_row_is_named(path: Path, statement: str, said: str) -> None:
    _change(path, statement)
    store = open_store(path)
    with pytest.raises(StoreError, match=said):
        fold(store.events("s1"))
    store.close()


def test_a_report_that_was_read_equals_one_that_was_made(path: Path) -> None:
    store = open_store(path)
    read = [logged.event for logged in store.events("s1")][-1]
    store.close()
    made = EpochReported(trial=1, segment=1, epoch=2, metrics=METRICS)
    assert read == made
    assert event_to_json(read) == event_to_json(made)
    assert read.model_copy(update={"epoch": 3}).epoch == 3
    assert repr(read) == repr(made)


def test_the_collector_works_again_after_a_log_that_ends_in_an_error(path: Path) -> None:
    _change(path, "UPDATE metrics SET body = '' WHERE seq = 4")
    store = open_store(path)
    with pytest.raises(StoreError):
        fold(store.events("s1"))
    store.close()
    assert gc.isenabled()
