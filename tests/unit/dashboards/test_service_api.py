"""The service over HTTP: what runs and waits, a study's share, and the queue that a launch goes into."""

from __future__ import annotations

import os
import socket
import time

import psutil
import pytest

from orchestrator.events import CommandGiven, CommandKind
from orchestrator.service.daemon import record
from orchestrator.service.daemon.record import Record
from orchestrator.service.daemon.shares import Claim


@pytest.fixture
def daemon(service):
    """A service that is up and never gets to its studies."""
    made = Record(
        pid=os.getpid(),
        machine=socket.gethostname(),
        host="127.0.0.1",
        port=0,
        started=psutil.Process().create_time(),
        version="1",
        slots=2,
        ready=True,
    )
    record.write(service.home, made)
    return made


def commands(service, study: str) -> list[CommandKind]:
    return [one.event.command for one in service.store.events(study) if isinstance(one.event, CommandGiven)]


@pytest.mark.slow
def test_without_a_daemon_the_service_is_not_up(client, study):
    answer = client.get("/api/v1/service")
    assert answer.status_code == 200
    assert answer.json()["up"] is False


@pytest.mark.slow
def test_a_share_is_recorded_once_with_who_asked(client, service, study):
    for _ in range(2):
        answer = client.post(f"/api/v1/studies/{study.id}/share", json={"priority": 3, "weight": 2.5})
        assert answer.status_code == 200
    pending = service.store.pending(study.id)
    asked = [one.command for one in pending] or [
        one.event for one in service.store.events(study.id) if isinstance(one.event, CommandGiven)
    ]
    assert [one.command for one in asked] == [CommandKind.SHARE]
    assert asked[0].by.startswith("web from")
    assert (asked[0].asked.priority, asked[0].asked.weight, asked[0].asked.max_slots) == (3, 2.5, None)


@pytest.mark.slow
@pytest.mark.parametrize("body", [{"weight": 0}, {"max_slots": -1}, {"weigth": 1}, {"priority": 10**9}])
def test_a_share_that_makes_no_sense_is_refused(client, study, body):
    assert client.post(f"/api/v1/studies/{study.id}/share", json=body).status_code == 422


@pytest.mark.slow
def test_a_limit_of_slots_is_lifted_by_0_and_set_again(client, service, study):
    def share(slots: int) -> dict[str, object]:
        return client.post(f"/api/v1/studies/{study.id}/share", json={"max_slots": slots}).json()

    assert not share(0)["changed"]  # there was none
    assert share(2)["changed"]
    lifted = share(0)
    assert lifted["changed"]
    assert lifted["told"].startswith("its share from now on: no limit of slots")
    assert not share(0)["changed"]
    wanted = service._found(study.id)[1].max_slots
    assert wanted is None
    assert Claim("a", 99, max_slots=wanted).room == 99
    assert share(2)["changed"]
    assert service._found(study.id)[1].max_slots == 2


@pytest.mark.slow
def test_a_launch_goes_into_the_queue_of_a_service_that_is_up(client, service, daemon):
    wanted = {"space": "bnneck", "trials": 2, "max_epochs": 3, "name": "cows", "priority": 4, "max_slots": 1}
    answer = client.post("/api/v1/studies", json=wanted)
    assert answer.status_code == 201
    assert answer.json()["status"] == "queued"
    assert commands(service, answer.json()["id"]) == [CommandKind.SHARE, CommandKind.QUEUE]
    told = [one.event for one in service.store.events(answer.json()["id"])]
    assert told[-1].by == "web from testclient"
    view = client.get("/api/v1/service").json()
    assert view["slots"] == 2
    assert [(one["name"], one["priority"], one["max_slots"]) for one in view["queue"]] == [("cows", 4, 1)]
    page = client.get("/")
    assert "state-queued" in page.text
    service.launch("cows")  # asked twice, it waits once
    assert commands(service, answer.json()["id"]) == [CommandKind.SHARE, CommandKind.QUEUE]


@pytest.mark.slow
def test_the_queue_is_ordered_by_priority_and_then_by_age(service, daemon, client):
    for name, priority in (("old", 0), ("new", 0), ("urgent", 1)):
        client.post(
            "/api/v1/studies",
            json={"space": "bnneck", "trials": 1, "max_epochs": 1, "name": name, "priority": priority},
        )
        time.sleep(0.01)  # ages differ
    assert [one.name for one in service.daemon().queue] == ["urgent", "old", "new"]
