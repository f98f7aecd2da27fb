"""The service with real processes: slots are shared, whatever dies is taken up again, nothing is lost or done twice."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from trials.studies import CURVE_TRIAL, created

from orchestrator.events import EpochReported, SegmentEnded, SegmentStarted, StudyStatus
from orchestrator.service.controller_process import TRIAL
from orchestrator.service.daemon import record
from orchestrator.service.daemon.restarts import MOST
from orchestrator.service.daemon.settings import Settings
from orchestrator.service.daemon.start import down, up
from orchestrator.service.errors import Conflict
from orchestrator.service.processes import is_dead, living
from orchestrator.service.service import Service

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]


def settings(slots: int = 2, **changes) -> Settings:
    return Settings(slots=slots, mlflow=False, tick=0.2, **({"web": False} | changes))


def wait_for(condition: Callable[[], object], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)


@pytest.fixture
def service(home, monkeypatch) -> Iterator[Service]:
    monkeypatch.setenv(TRIAL, CURVE_TRIAL)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(ROOT / "tests")]))
    service = Service(home)
    yield service
    down(service.home, now=True)
    for row in service.store.studies():
        owner = living(service.store, row.id)
        if owner:
            os.kill(int(owner.rpartition(":")[2]), signal.SIGKILL)
    service.close()


def add(service: Service, name: str, *, workers: int = 2, trials: int = 4, delay: float = 0.05, backend="processes"):
    made = created(name, trials=trials, **{"TEST.DELAY": delay})
    service.store.create_study(made.model_copy(update={"backend": backend, "workers": workers}), time.time())
    return made.study


def status(service: Service, study: str) -> StudyStatus:
    return service.summary(study).status


def controller_of(service: Service, study: str) -> int:
    return int(living(service.store, study).rpartition(":")[2] or 0)


def most_at_once(service: Service) -> int:
    """Segments that ran side by side, over all studies; what a killed controller ran ends with the next one."""
    steps: list[tuple[float, int]] = []
    for row in service.store.studies():
        for logged in service.store.events(row.id):
            if isinstance(logged.event, SegmentStarted):
                steps.append((logged.at, 1))
            elif isinstance(logged.event, SegmentEnded):
                steps.append((logged.at, -1))
    running, most = 0, 0
    for _, step in sorted(steps):
        running += step
        most = max(most, running)
    return most


def epochs_are_whole(service: Service, study: str) -> bool:
    """Every planned epoch is in the log, once."""
    told = [
        (one.event.trial, one.event.epoch)
        for one in service.store.events(study)
        if isinstance(one.event, EpochReported)
    ]
    return len(told) == len(set(told)) == service.summary(study).epochs_planned


def test_two_studies_share_the_slots_and_a_killed_controller_is_started_again(service):
    begun, first = up(service.home, settings())
    again, second = up(service.home, settings(slots=7))
    assert (first, second) == (True, False)
    assert again == begun
    studies = [add(service, name) for name in ("anna", "ben")]
    for study in studies:
        service.launch(study)
    wait_for(lambda: all(service.state(study).epochs_spent for study in studies))
    assert [one.granted for one in service.daemon().running] == [1, 1]
    killed = controller_of(service, studies[0])
    os.kill(killed, signal.SIGKILL)
    wait_for(lambda: all(status(service, study) is StudyStatus.COMPLETED for study in studies))
    assert all(epochs_are_whole(service, study) for study in studies)
    wait_for(lambda: not service.daemon().running)
    assert down(service.home) is not None
    assert down(service.home) is None
    assert not (service.home.root / "daemon.json").exists()


@pytest.mark.faults
def test_slots_follow_weight_and_priority_and_are_never_overcommitted(service):
    up(service.home, settings(slots=4))
    heavy, light, urgent = (
        add(service, name, workers=4, trials=9, delay=0.15) for name in ("heavy", "light", "urgent")
    )
    service.share(heavy, "test", weight=3.0)
    service.launch(heavy)
    service.launch(light)
    wait_for(lambda: {one.name: one.granted for one in service.daemon().running} == {"heavy": 3, "light": 1})
    service.share(urgent, "test", priority=1, max_slots=3)
    service.launch(urgent)
    wait_for(lambda: {one.name: one.slots for one in service.daemon().running}.get("urgent") == 3)
    assert [one.name for one in service.daemon().queue] == ["light"]
    wait_for(lambda: all(status(service, one) is StudyStatus.COMPLETED for one in (heavy, light, urgent)))
    assert all(epochs_are_whole(service, one) for one in (heavy, light, urgent))
    assert most_at_once(service) <= 4


@pytest.mark.faults
def test_what_runs_and_waits_goes_on_with_the_next_up(service):
    up(service.home, settings(slots=1))
    first, second = add(service, "first", workers=1, delay=0.1), add(service, "second", workers=1)
    service.launch(first)
    service.launch(second)
    wait_for(lambda: service.state(first).epochs_spent)
    down(service.home)
    assert [status(service, study) for study in (first, second)] == [StudyStatus.QUEUED, StudyStatus.QUEUED]
    assert not service.state(first).running
    up(service.home, settings(slots=1))
    wait_for(lambda: all(status(service, study) is StudyStatus.COMPLETED for study in (first, second)))
    assert all(epochs_are_whole(service, study) for study in (first, second))


def test_what_a_person_paused_within_its_epoch_stays_paused_when_the_service_goes_down_and_up(service):
    up(service.home, settings(slots=1))
    study = add(service, "resting", workers=1, delay=2.0)
    service.launch(study)
    wait_for(lambda: service.state(study).running)
    service.pause(study, "anna")
    down(service.home)
    assert status(service, study) is service.state(study).status is StudyStatus.PAUSED
    assert not service.state(study).running
    up(service.home, settings(slots=1))
    wait_for(lambda: service.daemon().up)
    time.sleep(2.0)
    assert (service.daemon().running, service.daemon().queue) == ((), ())
    service.resume(study, "anna")
    wait_for(lambda: service.state(study).running)


@pytest.mark.faults  # 45 s: ten of patience, half a minute to the next try
def test_a_ray_head_that_does_not_answer_is_told_holds_up_no_other_and_down_does_not_wait_for_it(service):
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address = f"127.0.0.1:{gone.getsockname()[1]}"
    up(service.home, settings(slots=1, ray_address=address))
    far, near = add(service, "far", workers=1, backend="ray"), add(service, "near", workers=1, trials=1)
    service.launch(far)
    wait_for(lambda: address in service.trouble(far))
    assert "nobody answers there" in service.trouble(far)
    service.launch(near)
    wait_for(lambda: status(service, near) is StudyStatus.COMPLETED)
    wait_for(lambda: len(ray_controllers(service)) == 1)
    began = time.monotonic()
    down(service.home)
    assert time.monotonic() - began < 10
    assert ray_controllers(service) == []
    assert status(service, far) is StudyStatus.QUEUED


def ray_controllers(service: Service) -> list[int]:
    """Controllers of this home that look for a cluster."""
    words = [(one.pid, one.info["cmdline"] or []) for one in psutil.process_iter(["cmdline"])]
    return [pid for pid, said in words if str(service.home.root) in said and "id-far" in said]


@pytest.mark.faults
def test_down_now_leaves_no_process_and_the_next_up_goes_on(service):
    begun, _ = up(service.home, settings())
    study = add(service, "hasty", delay=0.5)
    service.launch(study)
    wait_for(lambda: service.state(study).epochs_spent)
    family = psutil.Process(begun.pid).children(recursive=True)
    down(service.home, now=True)
    assert psutil.wait_procs(family, timeout=10)[1] == []
    assert status(service, study) is StudyStatus.INTERRUPTED
    up(service.home, settings())
    wait_for(lambda: status(service, study) is StudyStatus.COMPLETED)
    assert epochs_are_whole(service, study)


def test_a_killed_daemon_costs_nothing_and_the_next_one_takes_its_controllers_over(service):
    begun, _ = up(service.home, settings())
    study = add(service, "orphan", trials=200, delay=0.5)
    service.launch(study)
    wait_for(lambda: service.state(study).epochs_spent)
    controller = controller_of(service, study)
    os.kill(begun.pid, signal.SIGKILL)
    wait_for(lambda: record.read(service.home) is None)
    spent = service.state(study).epochs_spent
    wait_for(lambda: service.state(study).epochs_spent > spent)  # nobody needs the daemon to go on
    found, started = up(service.home, settings())
    assert started
    assert found.pid != begun.pid
    service.launch(add(service, "other", workers=1, trials=200, delay=0.5))
    wait_for(lambda: {one.name: one.granted for one in service.daemon().running} == {"orphan": 1, "other": 1})
    assert controller_of(service, study) == controller
    down(service.home)
    wait_for(lambda: is_dead(f"{socket.gethostname()}:{controller}"))  # its parent was killed: nobody may reap it
    assert status(service, study) is StudyStatus.QUEUED


@pytest.mark.faults
def test_a_controller_that_dies_all_the_time_is_given_up_and_named_until_somebody_asks_again(service, monkeypatch):
    monkeypatch.setenv(TRIAL, "trials.deadly:DeadlyTrial")
    up(service.home, settings())
    study = add(service, "doomed", workers=1, backend="inline")
    service.launch(study)
    wait_for(lambda: service.trouble(study))
    assert f"{MOST} times" in service.trouble(study)
    assert status(service, study) is StudyStatus.INTERRUPTED
    shown = subprocess.run(
        [sys.executable, "-m", "orchestrator.cli", "status", "doomed"], capture_output=True, text=True, check=True
    )
    assert "the service gave it up: its controller died" in shown.stdout
    service.resume(study)
    # it holds its lease for a moment only: the log tells that it was started once more
    wait_for(lambda: (service.home.root / "daemon.log").read_text().count("study doomed starts") > MOST)


@pytest.mark.faults
def test_of_two_services_started_at_once_one_wins_and_both_callers_see_it(service):
    seen = []
    callers = [threading.Thread(target=lambda: seen.append(up(service.home, settings()))) for _ in range(3)]
    for one in callers:
        one.start()
    for one in callers:
        one.join()
    assert len({found.pid for found, _ in seen}) == 1
    assert sorted(begun for _, begun in seen) == [False, False, True]


@pytest.mark.faults
def test_the_web_server_is_started_again_and_answers_for_the_service(service):
    begun, _ = up(service.home, settings(web=True, port=0))

    def ask() -> dict[str, object]:
        with urllib.request.urlopen(f"{begun.url}/api/v1/service", timeout=5) as answer:
            return json.loads(answer.read())

    assert ask()["pid"] == begun.pid

    def web() -> list[psutil.Process]:
        children = psutil.Process(begun.pid).children()
        alive = [one for one in children if one.status() != psutil.STATUS_ZOMBIE]
        return [one for one in alive if "serve" in one.cmdline()]

    (before,) = web()
    before.kill()
    wait_for(lambda: web() and before not in web())

    def answers() -> bool:
        try:
            return ask()["up"] is True
        except OSError:
            return False

    wait_for(answers)
    down(service.home)
    assert not answers()


@pytest.mark.faults
def test_a_port_that_is_taken_is_said_and_nothing_is_left_running(service):
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(Conflict, match="cannot listen"):
        up(service.home, settings(web=True, port=taken.getsockname()[1]))
    assert record.read(service.home, dead=True) is None


@pytest.mark.faults
def test_a_detached_study_waits_in_the_queue_and_the_service_ends_it(service):
    up(service.home, settings())
    words = ["run", "--space", "bnneck", "--trials", "2", "--max-epochs", "3", "--name", "far", "--detach"]
    tiny = {"DATASETS.SYNTHETIC.IDENTITIES": "8", "DATASETS.SYNTHETIC.TEST_IDENTITIES": "4"}
    extra = [word for key, value in tiny.items() for word in ("--set", key, value)]
    shares = ["--priority", "2", "--weight", "3", "--max-slots", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "orchestrator.cli", *words, *extra, *shares], capture_output=True, text=True, check=True
    )
    assert "far is number 1 in the queue" in done.stdout or "far runs in the service" in done.stdout
    state = service.state("far")
    assert (state.priority, state.weight, state.max_slots) == (2, 3.0, 1)
    wait_for(lambda: status(service, "far") is not StudyStatus.QUEUED)
    wait_for(lambda: service.summary("far").ended_at is not None or service.state("far").epochs_spent)
