"""Nothing starts on a node from the moment that it is refused, and another's connection to Ray is left alone."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from orchestrator.backends.ray_backend import RayBackend
from orchestrator.backends.ray_connection import Connection
from orchestrator.backends.ray_nodes import Nodes
from orchestrator.backends.ray_slots import Slot
from orchestrator.backends.ray_versions import versions
from orchestrator.backends.ray_worker import Warm
from reid_core.errors import Conflict


class Actor:
    """Takes every call."""

    def __getattr__(self, _):
        return SimpleNamespace(remote=lambda *_: None)


class Maker:
    """Makes slots that never become ready."""

    def __init__(self):
        self.ended = []

    def make(self):
        return Slot(Actor(), None)

    def end(self, slot):
        self.ended.append(slot)


def backend(*slots):
    """A backend on a cluster with these slots, and no Ray."""
    made = object.__new__(RayBackend)
    made._slots, made._maker, made._nodes = list(slots), Maker(), Nodes(None, watch=False)
    made._connection, made._shipped, made._broken = SimpleNamespace(owned=False), False, 0
    made._ray = SimpleNamespace(get=lambda answer: answer, exceptions=SimpleNamespace(RayError=OSError))
    return made


def warm(host, **changed):
    return Warm(f"{host}:1", f"id-{host}", 1, {**versions(), **changed})


def test_a_node_set_aside_has_no_slots_at_once():
    free, busy = Slot(Actor(), None, warm=warm("bad")), Slot(Actor(), None, warm=warm("bad"), spec="running")
    made = backend(free, busy)
    made._nodes.met("id-bad", "bad")
    made.avoid("bad")
    assert made.slots == 1, "the one that runs"
    assert made._maker.ended == [free]
    with pytest.raises(RuntimeError, match="no free slot"):
        made.start(SimpleNamespace(segment=3))


def test_a_node_with_other_versions_has_no_slots_from_its_greeting_on():
    slot = Slot(Actor(), warm("odd", torch="1.0"))
    made = backend(slot)
    made._greet(slot)
    assert made.slots == 0
    assert made._maker.ended == [slot]


@pytest.fixture
def connected(monkeypatch):
    """This process is connected to a Ray already; what was shut down."""
    ended = []
    found = SimpleNamespace(
        is_initialized=lambda: True,
        get_runtime_context=lambda: SimpleNamespace(gcs_address="127.0.0.1:6379"),
        shutdown=lambda: ended.append(1),
    )
    monkeypatch.setitem(sys.modules, "ray", found)
    return ended


@pytest.mark.parametrize("address", ["", "auto", "127.0.0.1:6379", "localhost:6379"])
def test_a_ray_that_was_there_is_used_and_left_alone(connected, address):
    connection = Connection(address, 1)
    assert not connection.owned
    connection.close()
    assert connected == []


@pytest.mark.parametrize("address", ["127.0.0.1:6380", "203.0.113.9:6379"])
def test_a_connection_to_another_cluster_is_refused(connected, address):
    with pytest.raises(Conflict, match="connected to the Ray cluster at 127"):
        Connection(address, 1)
    assert connected == []
