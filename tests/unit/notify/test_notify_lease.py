"""When the process that tells of a study takes its controller for gone."""

from __future__ import annotations

import os
import socket
from types import SimpleNamespace

import pytest

from orchestrator.service import following
from reid_core.errors import ServerUnreachable


@pytest.fixture
def seen(monkeypatch):
    """A study under way whose lease is `seen.lease`, at the second `seen.time`."""
    made = SimpleNamespace(lease=None, time=1000.0)
    monkeypatch.setattr(following, "time", SimpleNamespace(monotonic=lambda: made.time))
    made.store = store = SimpleNamespace(holder=lambda _: made.lease, now=lambda: made.time, last_seq=lambda _: 7)
    made.running = following.while_held(store, "study")
    return made


def test_a_lease_that_ran_out_in_an_outage_is_given_time_to_be_renewed(seen):
    seen.lease = SimpleNamespace(owner="another-node:12", expires=1015.0)
    assert seen.running()
    seen.time = 1100.0
    assert seen.running(), "its controller has had no time to renew it"
    seen.time, seen.lease.expires = 1105.0, 1120.0
    assert seen.running()
    seen.time = 1200.0
    assert seen.running(), "the time begins anew"
    seen.time = 1250.0
    assert not seen.running()


def test_a_controller_that_let_go_or_is_known_to_be_dead_is_gone_at_once(seen):
    assert not seen.running()
    done = os.spawnlp(os.P_NOWAIT, "true", "true")
    os.waitpid(done, 0)
    seen.lease = SimpleNamespace(owner=f"{socket.gethostname()}:{done}", expires=900.0)
    assert not seen.running()


def test_a_store_that_is_away_ends_nobody_for_an_hour(seen):
    seen.lease = SimpleNamespace(owner="another-node:12", expires=1015.0)

    def away(_):
        raise ServerUnreachable("the store is away")

    seen.store.holder = away
    assert seen.running()
    seen.time = 4500.0
    assert seen.running()
    seen.time = 4601.0
    assert not seen.running()
