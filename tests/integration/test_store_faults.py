"""Studies on a real PostgreSQL that is restarted, slow, full, or drops connections, and clocks that are wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from postgres_proxy import Proxy
from postgres_server import PASSWORD, Server, started
from trials.studies import controller, created

from orchestrator.control.aside import write_aside
from orchestrator.events import (
    CommandGiven,
    CommandKind,
    EpochReported,
    Limits,
    Logged,
    StudyCreated,
    StudyState,
    StudyStatus,
    TrialSuggested,
    fold,
)
from orchestrator.search.limits import gpu_hours
from orchestrator.store import MemoryStore, Store, StoreError, open_store
from reid_core.errors import Conflict, ReidTuneError, ServerUnreachable

STUDY = "id-curves"
TESTS = str(Path(__file__).resolve().parent.parent)

RUN = """
import sys, time
real, shift = time.time, float(sys.argv[3])
time.time = lambda: real() + shift
sys.path[:0] = [sys.argv[4]]
from pathlib import Path
from orchestrator.control import lease
from orchestrator.store import open_store
from reid_core.errors import ReidTuneError
from trials.studies import controller
lease.SECONDS = float(sys.argv[5])
store = open_store(sys.argv[1])
store.wait_for_server(60.0)
try:
    controller(store, "id-curves", Path(sys.argv[2])).run()
except ReidTuneError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_code)
"""

HOLD = """
import os, signal, sys
import sqlalchemy as sa
from orchestrator.store import open_store
store = open_store(sys.argv[1])
with store._engine.begin() as connection:
    connection.execute(sa.text("SELECT key FROM studies FOR UPDATE")).all()
    print("locked", flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server that tests may stop."""
    yield from started()


def story(store: Store) -> list[tuple[object, ...]]:
    """What the study suggested and measured, and how it ended."""
    told: list[tuple[object, ...]] = []
    for logged in store.events(STUDY):
        match logged.event:
            case TrialSuggested() as event:
                told.append((event.trial, sorted(event.values.items()), event.origin))
            case EpochReported() as event:
                told.append((event.trial, event.epoch, event.metrics["mAP"], event.metrics["loss"]))
    return [*told, (fold(store.events(STUDY)).status,)]


def undisturbed(folder: Path, **options: object) -> list[tuple[object, ...]]:
    store = MemoryStore()
    store.create_study(created(**options), 0.0)
    controller(store, STUDY, folder / "undisturbed").run()
    return story(store)


def running(address: str, folder: Path, *, shift: float = 0.0, lease: float = 15.0) -> subprocess.Popen[str]:
    """A controller in a process of its own whose clock is `shift` seconds off."""
    return subprocess.Popen(
        [sys.executable, "-c", RUN, address, str(folder), str(shift), TESTS, str(lease)],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def wait_for_event(store: Store, seq: int) -> None:
    while store.last_seq(STUDY) < seq:
        time.sleep(0.02)


# the answer to a commit is lost ----------------------------------------------
@pytest.fixture
def proxied(postgres: Server) -> Iterator[tuple[Proxy, Store, Store]]:
    """A proxy, a store behind it, and one that goes to the server itself."""
    url, proxy = postgres.url(), Proxy(postgres.port)
    direct = open_store(url)
    behind = open_store(url.replace(f":{postgres.port}/", f":{proxy.port}/"))
    yield proxy, behind, direct
    behind.close()
    direct.close()
    proxy.close()


def test_what_a_lost_answer_had_committed_is_there_once(proxied: tuple[Proxy, Store, Store]) -> None:
    proxy, store, direct = proxied
    proxy.lose_commits = 1
    store.create_study(created(), 1.0)
    token = store.acquire(STUDY, "host:1", 60.0, 1.0)
    proxy.lose_commits = 2
    reports = [EpochReported(trial=1, segment=1, epoch=epoch, metrics={"mAP": 0.5}) for epoch in (1, 2)]
    pause = CommandGiven(command=CommandKind.PAUSE, by="ann")
    logged = store.append(STUDY, [pause, *reports], token=token, at=2.0)
    proxy.lose_commits = 1
    number = store.post(STUDY, pause, 3.0)
    assert proxy.lost >= 3
    assert [one.seq for one in logged] == [2, 3, 4]
    assert list(direct.events(STUDY))[1:] == logged
    assert [one.id for one in direct.pending(STUDY)] == [number]
    proxy.lose_commits = 1
    store.delete_study(STUDY, now=100.0)
    assert direct.studies() == []


def test_a_lease_whose_answer_was_lost_is_held(proxied: tuple[Proxy, Store, Store]) -> None:
    proxy, store, direct = proxied
    direct.create_study(created(), 1.0)
    proxy.lose_commits = 1
    token = store.acquire(STUDY, "host:1", 60.0, 1.0)
    holder = direct.holder(STUDY)
    assert holder is not None
    assert holder.token == token
    proxy.lose_renewals = 1
    assert store.renew(STUDY, token, 60.0, 2.0)
    assert (proxy.lose_renewals, proxy.lost) == (0, 2)
    after = direct.holder(STUDY)
    assert after is not None
    assert 62.0 <= after.expires < 70.0


# slow, dropped, restarted ----------------------------------------------------
def test_a_slow_database_only_makes_a_study_slower(proxied: tuple[Proxy, Store, Store], tmp_path: Path) -> None:
    proxy, store, direct = proxied
    proxy.delay = 0.01
    direct.create_study(created(trials=2, max_epochs=3), 1.0)
    controller(store, STUDY, tmp_path).run()
    assert story(direct) == undisturbed(tmp_path, trials=2, max_epochs=3)


@pytest.mark.faults
@pytest.mark.timeout(900)
def test_a_database_of_two_seconds_a_statement_costs_neither_an_event_nor_the_lease(
    proxied: tuple[Proxy, Store, Store], tmp_path: Path
) -> None:
    proxy, store, direct = proxied
    direct.create_study(created(trials=1, max_epochs=1), 1.0)
    proxy.delay = 2.0
    left: list[float] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.2):
            holder = direct.holder(STUDY)
            left.extend([] if holder is None else [holder.expires - direct.now()])

    looking = threading.Thread(target=look)
    looking.start()
    try:
        controller(store, STUDY, tmp_path).run()
    finally:
        over.set()
        looking.join()
    assert len(left) > 300, "it took several leases' time"
    assert 0 < min(left) <= max(left) <= 15
    assert direct.holder(STUDY) is None
    assert story(direct) == undisturbed(tmp_path, trials=1, max_epochs=1)


def test_connections_dropped_all_along_cost_a_study_nothing(server: Server, tmp_path: Path) -> None:
    store = open_store(server.url())
    store.create_study(created(trials=3, max_epochs=3), 1.0)
    dropped = []

    def see(logged: Logged, _state: object) -> None:
        if logged.seq % 3 == 0:
            dropped.append(server.drop_connections())

    controller(store, STUDY, tmp_path, observer=see).run()
    assert sum(dropped) >= 5
    assert story(store) == undisturbed(tmp_path, trials=3, max_epochs=3)
    store.close()


def test_a_server_restarted_in_the_middle_of_a_study_is_waited_for(server: Server, tmp_path: Path) -> None:
    store = open_store(server.url())
    store.wait_for_server(60.0)
    store.create_study(created(trials=3, max_epochs=3), 1.0)
    back: list[threading.Thread] = []

    def see(logged: Logged, _state: object) -> None:
        if logged.seq == 9:
            server.stop()  # as a crash
            back.append(threading.Thread(target=server.start))
            back[0].start()

    controller(store, STUDY, tmp_path, observer=see).run()
    back[0].join()
    assert story(store) == undisturbed(tmp_path, trials=3, max_epochs=3)
    store.close()


def test_a_long_outage_ends_with_a_clear_error_and_the_study_goes_on_later(server: Server, tmp_path: Path) -> None:
    store = open_store(server.url())
    store.wait_for_server(0.3)
    store.create_study(created(trials=3, max_epochs=3), 1.0)

    def see(logged: Logged, _state: object) -> None:
        if logged.seq == 9:
            server.stop()

    try:
        with pytest.raises(ServerUnreachable, match="does not answer") as told:
            controller(store, STUDY, tmp_path, observer=see).run()
    finally:
        server.start()
    assert PASSWORD not in str(told.value)
    assert "run --resume" in told.value.hint
    assert store.last_seq(STUDY) == 9
    controller(store, STUDY, tmp_path).run()
    assert story(store) == undisturbed(tmp_path, trials=3, max_epochs=3)
    store.close()


@pytest.mark.faults
def test_a_controller_lives_through_restart_after_restart(server: Server, tmp_path: Path) -> None:
    url = server.url()
    store = open_store(url)
    options = {"trials": 5, "max_epochs": 9, "TEST.DELAY": 0.2}
    store.create_study(created(**options), 1.0)
    run = running(url, tmp_path)
    for mode, seq in (("immediate", 8), ("fast", 20), ("immediate", 32)):
        wait_for_event(store, seq)
        server.stop(mode)
        time.sleep(2)
        server.start()
    assert (run.communicate()[1], run.returncode) == ("", 0)
    assert story(store) == undisturbed(tmp_path, **options)
    store.close()


# full ------------------------------------------------------------------------
def test_a_server_without_space_refuses_the_batch_and_keeps_everything_before(postgres: Server) -> None:
    url = postgres.url()
    store = open_store(url)
    store.create_study(created(), 1.0)
    token = store.acquire(STUDY, "host:1", 60.0, 1.0)
    full = "RAISE EXCEPTION USING ERRCODE = ''53100'', MESSAGE = ''could not extend file: No space left on device''"
    postgres.execute(url, f"CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN {full}; END'")
    postgres.execute(url, "CREATE TRIGGER full_disk BEFORE INSERT ON metrics EXECUTE FUNCTION full_disk()")
    batch = [
        CommandGiven(command=CommandKind.PAUSE, by="ann"),
        EpochReported(trial=1, segment=1, epoch=1, metrics={"mAP": 0.5}),
    ]
    with pytest.raises(StoreError, match="no space is left on the server"):
        store.append(STUDY, batch, token=token, at=2.0)
    assert store.last_seq(STUDY) == 1
    postgres.execute(url, "DROP TRIGGER full_disk ON metrics")
    assert [one.seq for one in store.append(STUDY, batch, token=token, at=2.0)] == [2, 3]
    store.close()


@pytest.mark.faults
def test_a_disk_that_fills_under_the_server_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=160m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("a small file system cannot be mounted here")
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents[:2]:
        parent.chmod(0o755)
    try:
        for server in started(disk):
            _fill_and_go_on(server, disk)
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def _fill_and_go_on(server: Server, disk: Path) -> None:
    store = open_store(server.url())
    store.create_study(created(), 1.0)
    token = store.acquire(STUDY, "host:1", 1e9, 1.0)
    ballast = disk / "ballast"
    with ballast.open("wb") as file:
        free = os.statvfs(disk)
        file.write(bytes(free.f_bavail * free.f_frsize - 64 * 1024))
    kept = 0

    def grow() -> None:
        nonlocal kept
        batch = [EpochReported(trial=1, segment=1, epoch=kept + i, metrics={"mAP": 0.5}) for i in range(1, 201)]
        kept += len(store.append(STUDY, batch, token=token, at=2.0))

    with pytest.raises(StoreError, match="no space is left"):  # noqa: PT012 - which append fails is the server's
        for _ in range(500):
            grow()
    assert kept > 0
    assert store.last_seq(STUDY) == kept + 1
    ballast.unlink()
    grow()
    assert store.columns(STUDY).epoch == tuple(range(1, kept + 1))
    store.close()


# two controllers, clocks -----------------------------------------------------
@pytest.mark.faults
def test_a_controller_that_slept_through_its_lease_leaves_without_a_trace(postgres: Server, tmp_path: Path) -> None:
    url = postgres.url()
    store = open_store(url)
    options = {"trials": 3, "max_epochs": 3, "TEST.DELAY": 0.3}
    store.create_study(created(**options), 1.0)
    sleeper = running(url, tmp_path, lease=2.0)
    wait_for_event(store, 8)
    os.kill(sleeper.pid, signal.SIGSTOP)
    while (holder := store.holder(STUDY)) is not None and holder.expires > store.now():
        time.sleep(0.1)
    heir = running(url, tmp_path)
    assert (heir.communicate()[1], heir.returncode) == ("", 0)
    before = list(store.events(STUDY))
    os.kill(sleeper.pid, signal.SIGCONT)
    assert "no longer holds study" in sleeper.communicate()[1]
    assert sleeper.returncode == Conflict.exit_code
    assert list(store.events(STUDY)) == before
    assert story(store) == undisturbed(tmp_path, **options)
    store.close()


@pytest.mark.faults
def test_a_process_stopped_in_a_transaction_does_not_keep_its_study_locked(postgres: Server) -> None:
    url = postgres.url()
    store = open_store(url)
    store.create_study(created(), 1.0)
    stopped = subprocess.Popen([sys.executable, "-c", HOLD, url], stdout=subprocess.PIPE, text=True)
    assert stopped.stdout is not None
    assert stopped.stdout.readline() == "locked\n"
    assert store.acquire(STUDY, "host:2", 15.0, store.now()) == 1
    stopped.kill()
    stopped.communicate()
    store.close()


@pytest.mark.parametrize("shift", [3600.0, -3600.0])
def test_a_clock_that_is_an_hour_off_changes_no_lease(
    postgres: Server, tmp_path: Path, shift: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.url()
    store, right = open_store(url), open_store(url)
    store.create_study(created(trials=1, max_epochs=1), 1.0)
    real = time.time
    refused: list[str] = []

    def see(logged: Logged, _state: object) -> None:
        monkeypatch.setattr(time, "time", real)
        lease = right.holder(STUDY)
        assert lease is not None
        assert 0 < lease.expires - real() <= 15
        with pytest.raises(Conflict, match="already run by") as told:
            right.acquire(STUDY, "elsewhere:1", 15.0, right.now())
        refused.append(str(told.value))
        monkeypatch.setattr(time, "time", lambda: real() + shift)

    monkeypatch.setattr(time, "time", lambda: real() + shift)
    assert controller(store, STUDY, tmp_path, observer=see).run().status is StudyStatus.COMPLETED
    assert len(refused) >= 5
    store.close()
    right.close()


class Date:
    """The date of this machine, which can be set: whatever asks `time.time` from now on gets it, `shift` s off."""

    def __init__(self) -> None:
        self.real, self.shift = time.time, 0.0

    def __call__(self) -> float:
        return self.real() + self.shift


@pytest.fixture
def date(monkeypatch: pytest.MonkeyPatch) -> Date:
    """Ask for it before anything that keeps `time.time` for itself: a store, a controller."""
    made = Date()
    monkeypatch.setattr(time, "time", made)
    return made


def limited(limits: Limits, **options: object) -> StudyCreated:
    """A study whose trials take a GPU each."""
    return created(**options).model_copy(update={"limits": limits, "gpus": 1.0})  # type: ignore[arg-type]


def seconds_of(state: StudyState) -> tuple[float, float]:
    """Seconds of running, and of GPUs."""
    return state.wall_seconds(), 3600.0 * gpu_hours(state)


_JUMPS = pytest.mark.parametrize("jump", [7200.0, -7200.0], ids=["forward", "back"])
_LIMITS = pytest.mark.parametrize(
    "limits",
    [Limits(), Limits(wall_seconds=3600.0), Limits(gpu_hours=1.0), Limits(wall_seconds=3600.0, gpu_hours=1.0)],
    ids=["no limit", "wall time", "GPU-hours", "both"],
)


@_JUMPS
@_LIMITS
def test_a_date_set_while_segments_run_costs_a_study_in_a_file_nothing(
    tmp_path: Path, date: Date, jump: float, limits: Limits
) -> None:
    store = open_store(tmp_path / "studies.db")
    store.create_study(limited(limits, trials=3, max_epochs=9), date())
    seen: list[float] = []

    def see(logged: Logged, state: StudyState) -> None:
        if isinstance(logged.event, EpochReported) and state.running and state.epochs_spent in {2, 5, 9}:
            date.shift += jump
            seen.append(store.now() - date.real())

    state = controller(store, STUDY, tmp_path, observer=see).run()
    assert seen == pytest.approx([jump, 2 * jump, 3 * jump], abs=5.0)
    assert state.reason == ""
    assert story(store) == undisturbed(tmp_path, trials=3, max_epochs=9)
    assert all(0 <= one < 300 for one in seconds_of(state))
    log = list(store.events(STUDY))
    assert [one.at for one in log] == sorted(one.at for one in log)
    assert fold(log) == state
    assert store.holder(STUDY) is None
    store.close()


@_JUMPS
@pytest.mark.parametrize("limits", [Limits(wall_seconds=1.0), Limits(gpu_hours=1 / 3600)], ids=["wall time", "GPU"])
def test_a_limit_of_time_is_met_when_that_time_has_passed_whatever_the_date_was_set_to(
    tmp_path: Path, date: Date, jump: float, limits: Limits
) -> None:
    store = MemoryStore()
    store.create_study(limited(limits, trials=12, max_epochs=27, algorithm="random", **{"TEST.DELAY": 0.1}), date())

    def see(logged: Logged, state: StudyState) -> None:
        if isinstance(logged.event, EpochReported) and state.epochs_spent == 3:
            date.shift += jump

    begun = time.monotonic()
    state = controller(store, STUDY, tmp_path, observer=see).run()
    took = time.monotonic() - begun
    assert "is reached" in state.reason
    assert date.shift == jump
    assert 1.0 <= seconds_of(state)[limits.wall_seconds is None] <= took
    assert 4 < state.epochs_spent <= 11


@_JUMPS
def test_a_date_set_between_two_controllers_or_before_a_resume_is_no_run_time(
    tmp_path: Path, date: Date, jump: float
) -> None:
    store = MemoryStore()
    limits = Limits(wall_seconds=3600.0, gpu_hours=1.0)
    store.create_study(limited(limits, trials=3, max_epochs=9), date())

    def die(_logged: Logged, state: StudyState) -> None:
        if state.epochs_spent == 2:
            raise KeyboardInterrupt

    def pause(logged: Logged, state: StudyState) -> None:
        if isinstance(logged.event, EpochReported) and state.epochs_spent == 5:
            date.shift += jump
            store.post(STUDY, CommandGiven(command=CommandKind.PAUSE, by="ann"), date())

    with pytest.raises(KeyboardInterrupt):
        controller(store, STUDY, tmp_path, observer=die).run()
    date.shift += jump
    assert controller(store, STUDY, tmp_path, observer=pause).run().status is StudyStatus.PAUSED
    assert write_aside(store, STUDY, [CommandGiven(command=CommandKind.RESUME, by="ann")], date())
    state = controller(store, STUDY, tmp_path).run()
    assert story(store) == undisturbed(tmp_path, trials=3, max_epochs=9)
    assert all(0 <= one < 300 for one in seconds_of(state))
    assert fold(store.events(STUDY)) == state


# addresses -------------------------------------------------------------------
@pytest.mark.parametrize("wrong", ["port", "password", "database", "address"])
def test_an_error_never_prints_the_password(postgres: Server, wrong: str) -> None:
    url = postgres.address("nothing-of-this-name") if wrong == "database" else postgres.url()
    if wrong == "port":
        url = url.replace(f":{postgres.port}/", ":1/")
    if wrong == "password":
        url = url.replace(PASSWORD, f"x{PASSWORD}")
    if wrong == "address":
        url = f"postgresql://tester:{PASSWORD}@127.0.0.1:{PASSWORD}/x"
    with pytest.raises(ReidTuneError) as told:
        open_store(url)
    assert PASSWORD not in str(told.value)
    assert told.value.exit_code == (2 if wrong == "address" else 4)
