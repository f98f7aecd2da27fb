from __future__ import annotations

import time

import pytest
from contract.store_contract import created

from orchestrator.events import CommandGiven, CommandKind
from orchestrator.service.asking import ask
from orchestrator.store import MemoryStore

PAUSE = CommandGiven(command=CommandKind.PAUSE, by="anna")
STOP = CommandGiven(command=CommandKind.STOP, by="ben")


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore()
    store.create_study(created(), time.time())
    return store


def commands(store: MemoryStore) -> list[CommandGiven]:
    return [one.event for one in store.events("s1") if isinstance(one.event, CommandGiven)]


def test_a_command_is_recorded_at_once_while_nobody_runs_the_study(store):
    assert ask(store, "s1", PAUSE, time.time())
    assert commands(store) == [PAUSE]
    assert store.holder("s1") is None


def test_a_command_for_a_running_study_waits_for_its_controller_and_later_ones_stay_in_order(store):
    now = time.time()
    token = store.acquire("s1", "elsewhere:1", 15.0, now)
    assert not ask(store, "s1", PAUSE, now)
    assert (commands(store), [one.command for one in store.pending("s1")]) == ([], [PAUSE])
    store.release("s1", token)
    assert ask(store, "s1", STOP, now)
    assert (commands(store), store.pending("s1")) == ([PAUSE, STOP], [])
