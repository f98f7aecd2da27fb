"""A study with notify.yaml, and a web server that hears of it: real processes, a real store."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest
from filelock import FileLock
from trials.studies import CURVE_TRIAL, created

from orchestrator.service.notify import try_channels
from orchestrator.service.run import open_run
from orchestrator.service.service import Service

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "notify"))
from notified import receiver


@pytest.fixture
def service(tmp_path):
    made = Service(tmp_path / "home")
    yield made
    made.close()


def set_up(service, **urls):
    lines = [f"  {name}: {{kind: webhook, url: '{url}', every: 0, tries: 2}}" for name, url in urls.items()]
    (service.home.root / "notify.yaml").write_text("\n".join(["channels:", *lines]))


def test_a_study_tells_its_best_and_its_end_while_a_dead_channel_holds_nobody_up(service):
    with receiver() as web, socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(1)  # takes the connection and never answers
        set_up(service, chat=web.url, dead=f"http://127.0.0.1:{silent.getsockname()[1]}/")
        service.store.create_study(created(trials=3, max_epochs=3), 1.0)
        with open_run(service, "curves", trial=CURVE_TRIAL, track=False) as handle:
            state = handle.run()
        assert state.status == "completed", "the study is over before anybody was told"
        web.until(2)
        while web.taken[-1]["kind"] != "end":
            web.until(len(web.taken) + 1)
    assert {one["kind"] for one in web.taken} == {"best", "end"}
    assert web.taken[-1]["status"] == "completed"
    assert len({one["id"] for one in web.taken}) == len(web.taken)
    with FileLock(service.home.study("id-curves") / "notify.lock", timeout=120):  # the process that tells has ended
        told = service.home.study("id-curves") / "notify.log"
    assert "told: curves completed: best mAP" in told.read_text()
    log = service.home.study("id-curves") / "controller.log"
    assert "curves completed" not in log.read_text()
    assert "epoch 1: mAP" in log.read_text()


def test_the_test_message_says_which_channel_does_not_work(service):
    with receiver() as web:
        web.answers = [500]
        set_up(service, chat=web.url, other=web.url)
        found = {one.name: (one.arrived, one.message) for one in try_channels(service.home)}
    refused = "nothing reaches channel chat: answers 500 Internal Server Error"
    assert found == {"chat": (False, refused), "other": (True, "")}
