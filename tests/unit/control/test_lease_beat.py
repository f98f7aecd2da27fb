"""A lease is renewed beside the controller, whatever goes wrong meanwhile."""

from __future__ import annotations

import time

import pytest
from trials.studies import created

from orchestrator.control import lease
from orchestrator.store import MemoryStore
from reid_core.errors import Conflict, ServerUnreachable


@pytest.mark.slow
@pytest.mark.parametrize(
    "error", [TimeoutError("QueuePool limit of size 5 reached"), KeyError("x"), Conflict("no"), ServerUnreachable("no")]
)
def test_a_renewal_that_fails_for_any_reason_is_tried_again(monkeypatch, caplog, error):
    monkeypatch.setattr(lease, "SECONDS", 0.06)
    store = MemoryStore()
    store.create_study(created(), 0.0)
    renew, tried = store.renew, []

    def failing(*asked):
        tried.append(asked)
        if len(tried) <= 2:
            raise error
        return renew(*asked)

    monkeypatch.setattr(store, "renew", failing)
    with lease.held(store, "id-curves", "here:1", time.time) as held:
        deadline = time.monotonic() + 10
        while len(tried) < 4:
            assert time.monotonic() < deadline, "the thread has ended"
            time.sleep(0.01)
        assert not held.lost
    assert ("Traceback" in caplog.text) is not isinstance(error, (Conflict, ServerUnreachable))
