"""The contract of orchestrator.store.Store as reusable test classes.

A store passes when its test class inherits StoreContract (and SharedStoreContract when other processes can
open it) and gives the fixtures they name.
"""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from orchestrator.events import (
    Bracket,
    CommandGiven,
    CommandKind,
    ControllerStarted,
    EpochReported,
    Event,
    Logged,
    Origin,
    OutcomeKind,
    Plan,
    SegmentEnded,
    SegmentStarted,
    StudyCreated,
    StudyEnded,
    StudyStatus,
    TrialSuggested,
    fold,
)
from orchestrator.store import Lease, Store, open_store
from reid_core.errors import Conflict, NotFound, ReidTuneError, UsageError
from search_spaces.model import Float, Space

NOW = 1_700_000_000.0


def created(study: str = "s1", name: str = "") -> StudyCreated:
    return StudyCreated(
        study=study,
        name=name or f"name-{study}",
        space=Space(name="small", parameters={"SOLVER.BASE_LR": Float(low=1e-4, high=1e-2, log=True)}),
        base={"SOLVER.BASE_LR": 3.5e-4, "INPUT.SIZE_TRAIN": [64, 32], "MODEL.BACKBONE.NAME": "ü"},
        plan=Plan(max_epochs=9, min_epochs=3, eta=3, rungs=(3, 9), brackets=(Bracket(rungs=(3, 9), sizes=(3, 1)),)),
        seed=1,
        algorithm="bohb",
        backend="inline",
        workers=1,
    )


def suggested(trial: int) -> TrialSuggested:
    return TrialSuggested(
        trial=trial,
        values={"SOLVER.BASE_LR": 1e-3},
        origin=Origin.RANDOM,
        reason="a guaranteed random share",
        bracket=0,
        to_epoch=3,
    )


def report(trial: int, epoch: int, mean: float = 0.5, segment: int = 1) -> EpochReported:
    return EpochReported(trial=trial, segment=segment, epoch=epoch, metrics={"mAP": mean, "loss": 1.5})


def story() -> list[Event]:
    return [
        ControllerStarted(owner="host:1", token=1, workers=1),
        suggested(0),
        SegmentStarted(segment=1, trial=0, from_epoch=0, to_epoch=3, reason="new"),
        report(0, 1, 0.1),
        report(0, 2, 0.2),
        report(0, 3, 0.3),
        SegmentEnded(segment=1, trial=0, outcome=OutcomeKind.COMPLETED, seconds=1.0, worker="w0"),
        StudyEnded(status=StudyStatus.COMPLETED),
    ]


def pause(by: str = "anna") -> CommandGiven:
    return CommandGiven(command=CommandKind.PAUSE, by=by)


def seqs(log: Sequence[Logged]) -> list[int]:
    return [logged.seq for logged in log]


@pytest.fixture
def study(store: Store) -> str:
    store.create_study(created(), NOW)
    return "s1"


@pytest.fixture
def token(store: Store, study: str) -> int:
    return store.acquire(study, "host:1", 30.0, NOW)


class StoreContract:
    """Needs the fixture `store`: an empty store, closed after the test."""

    # studies ----------------------------------------------------------------
    def test_new_study_is_listed_found_and_begins_its_log(self, store: Store) -> None:
        store.create_study(created("s1", "first"), NOW)
        store.create_study(created("s2", "second"), NOW + 1)
        assert [row.id for row in store.studies()] == ["s2", "s1"]
        assert store.find("s1") == store.find("first")
        assert store.find("latest").id == "s2"
        row = store.find("first")
        assert (row.created_at, row.updated_at, row.seq, row.status) == (NOW, NOW, 1, StudyStatus.CREATED)
        assert list(store.events("s1")) == [Logged(1, NOW, created("s1", "first"))]

    def test_latest_of_studies_created_at_one_moment_is_the_last_created(self, store: Store) -> None:
        for study in ("b", "a", "c"):
            store.create_study(created(study), NOW)
        assert [row.id for row in store.studies()] == ["c", "a", "b"]

    @pytest.mark.parametrize(("study", "name"), [("s1", "other"), ("other", "first"), ("first", "x"), ("x", "s1")])
    def test_taken_id_or_name_is_refused(self, store: Store, study: str, name: str) -> None:
        store.create_study(created("s1", "first"), NOW)
        with pytest.raises(Conflict, match="already a study"):
            store.create_study(created(study, name), NOW)
        assert len(store.studies()) == 1

    def test_study_cannot_be_called_latest(self, store: Store) -> None:
        with pytest.raises(UsageError, match="latest"):
            store.create_study(created("s1", "latest"), NOW)

    def test_unknown_reference_suggests_the_nearest(self, store: Store) -> None:
        with pytest.raises(NotFound, match="reid-tune run"):
            store.find("latest")
        store.create_study(created("s1", "brave-otter"), NOW)
        with pytest.raises(NotFound, match="did you mean 'brave-otter'"):
            store.find("brave-oter")

    def test_every_method_names_an_unknown_study(self, store: Store) -> None:
        calls: list[Callable[[], object]] = [
            lambda: store.append("no", [suggested(0)], token=1, at=NOW),
            lambda: store.events("no"),
            lambda: store.last_seq("no"),
            lambda: store.columns("no"),
            lambda: store.acquire("no", "o", 1.0, NOW),
            lambda: store.renew("no", 1, 1.0, NOW),
            lambda: store.release("no", 1),
            lambda: store.holder("no"),
            lambda: store.post("no", pause(), NOW),
            lambda: store.pending("no"),
            lambda: store.cursor("no", "c"),
            lambda: store.set_cursor("no", "c", 1),
            lambda: store.delete_study("no", now=NOW),
        ]
        for call in calls:
            with pytest.raises(NotFound, match="'no'"):
                call()

    def test_deleted_study_frees_its_name_and_leaves_nothing(self, store: Store, study: str, token: int) -> None:
        store.append(study, story(), token=token, at=NOW)
        store.post(study, pause(), NOW)
        store.set_cursor(study, "mlflow", 3)
        with pytest.raises(Conflict, match="host:1"):
            store.delete_study(study, now=NOW + 1)
        store.delete_study(study, now=NOW + 31)
        assert store.studies() == []
        store.create_study(created(), NOW)
        assert (store.last_seq(study), store.cursor(study, "mlflow"), store.pending(study)) == (1, 0, [])
        assert store.holder(study) is None
        assert store.columns(study).trial == ()

    # the log ----------------------------------------------------------------
    def test_log_comes_back_merged_in_order_as_it_was_written(self, store: Store, study: str, token: int) -> None:
        wrote = store.append(study, story()[:4], token=token, at=NOW + 1)
        wrote += store.append(study, story()[4:], token=token, at=NOW + 2)
        read = list(store.events(study))
        assert seqs(read) == list(range(1, 10))
        assert read[1:] == wrote
        assert [logged.event for logged in read[1:]] == story()
        assert [logged.at for logged in read[1:]] == [NOW + 1] * 4 + [NOW + 2] * 4
        assert store.last_seq(study) == 9
        assert (store.find(study).seq, store.find(study).updated_at) == (9, NOW + 2)

    def test_a_write_shows_at_a_glance_or_the_store_says_that_it_does_not(
        self, store: Store, study: str, token: int
    ) -> None:
        before = store.written()
        assert store.written() == before
        store.append(study, story()[:4], token=token, at=NOW + 1)
        assert store.written() != before or before is None

    def test_events_from_a_place_and_limited(self, store: Store, study: str, token: int) -> None:
        store.append(study, story(), token=token, at=NOW)
        assert seqs(list(store.events(study, after=4))) == [5, 6, 7, 8, 9]
        assert seqs(list(store.events(study, after=4, limit=2))) == [5, 6]
        assert list(store.events(study, after=9)) == []
        assert list(store.events(study, after=99, limit=5)) == []

    def test_reading_sees_the_log_as_of_its_beginning(self, store: Store, study: str, token: int) -> None:
        log = store.events(study)
        store.append(study, story(), token=token, at=NOW)
        assert seqs(list(log)) == [1]

    def test_second_report_of_an_epoch_is_left_out(self, store: Store, study: str, token: int) -> None:
        store.append(study, [suggested(0), report(0, 1, 0.1)], token=token, at=NOW)
        wrote = store.append(
            study, [report(0, 1, 0.9), report(0, 2, 0.2), report(0, 2, 0.9), suggested(1)], token=token, at=NOW + 1
        )
        assert [logged.event for logged in wrote] == [report(0, 2, 0.2), suggested(1)]
        assert seqs(wrote) == [4, 5]
        assert store.columns(study).metrics["mAP"] == (0.1, 0.2)
        assert store.append(study, [report(0, 1, 0.9)], token=token, at=NOW + 2) == []
        assert store.last_seq(study) == 5

    def test_empty_batch_changes_nothing(self, store: Store, study: str, token: int) -> None:
        before = store.find(study)
        assert store.append(study, [], token=token, at=NOW + 9) == []
        assert store.find(study) == before

    def test_metrics_that_are_not_finite_survive(self, store: Store, study: str, token: int) -> None:
        metrics = {"loss": math.nan, "mAP": 0.1 + 0.2, "norm": math.inf}
        store.append(study, [EpochReported(trial=0, segment=1, epoch=1, metrics=metrics)], token=token, at=NOW)
        event = list(store.events(study))[-1].event
        assert isinstance(event, EpochReported)
        assert math.isnan(event.metrics["loss"])
        assert (event.metrics["mAP"], event.metrics["norm"]) == (0.1 + 0.2, math.inf)

    def test_columns_line_up_and_missing_metrics_are_none(self, store: Store, study: str, token: int) -> None:
        other = EpochReported(trial=1, segment=2, epoch=1, metrics={"mINP": 0.7})
        store.append(
            study, [suggested(0), suggested(1), report(0, 1, 0.1), other, report(0, 2, 0.2)], token=token, at=NOW
        )
        columns = store.columns(study)
        assert (columns.seq, columns.trial, columns.epoch) == (6, (0, 1, 0), (1, 1, 2))
        assert columns.metrics == {"mAP": (0.1, None, 0.2), "mINP": (None, 0.7, None), "loss": (1.5, None, 1.5)}
        assert store.columns(study, after=5).epoch == (2,)

    @pytest.mark.parametrize("length", range(9))
    def test_status_in_the_list_is_the_folded_one(self, store: Store, study: str, token: int, length: int) -> None:
        stop = CommandGiven(command=CommandKind.STOP, by="anna")
        events = [*story()[:3], pause(), stop, *story()[3:]][:length]
        store.append(study, events, token=token, at=NOW)
        assert store.find(study).status == fold(store.events(study)).status

    def test_studies_do_not_see_each_other(self, store: Store, study: str, token: int) -> None:
        store.create_study(created("s2"), NOW)
        other = store.acquire("s2", "host:1", 30.0, NOW)
        store.append(study, [suggested(0), report(0, 1)], token=token, at=NOW)
        store.append("s2", [suggested(0), report(0, 1)], token=other, at=NOW)
        store.post("s2", pause(), NOW)
        assert (store.last_seq(study), store.last_seq("s2"), store.pending(study)) == (3, 3, [])

    def test_threads_write_without_gaps_or_losses(self, store: Store, study: str, token: int) -> None:
        def write(trial: int) -> None:
            for epoch in range(1, 21):
                store.append(study, [report(trial, epoch)], token=token, at=NOW)

        threads = [threading.Thread(target=write, args=(trial,)) for trial in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert seqs(list(store.events(study))) == list(range(1, 82))
        assert len(set(zip(store.columns(study).trial, store.columns(study).epoch, strict=True))) == 80

    # the one writer ---------------------------------------------------------
    def test_live_lease_names_its_holder(self, store: Store, study: str, token: int) -> None:
        lease = store.holder(study)
        assert lease is not None
        assert lease == Lease(study, "host:1", token, since=NOW, expires=NOW + 30)
        with pytest.raises(Conflict, match=r"host:1, since 2023-11-14 22:13:20 UTC"):
            store.acquire(study, "host:2", 30.0, NOW + 29)

    def test_lease_that_ran_out_is_taken_with_a_newer_token(self, store: Store, study: str, token: int) -> None:
        newer = store.acquire(study, "host:2", 30.0, NOW + 30)
        assert newer > token
        assert not store.renew(study, token, 30.0, NOW + 30)
        store.release(study, token)
        lease = store.holder(study)
        assert lease is not None
        assert lease.owner == "host:2"

    def test_renewed_lease_lives_longer(self, store: Store, study: str, token: int) -> None:
        assert store.renew(study, token, 30.0, NOW + 29)
        with pytest.raises(Conflict):
            store.acquire(study, "host:2", 30.0, NOW + 58)

    def test_released_lease_is_free_and_tokens_go_on_growing(self, store: Store, study: str, token: int) -> None:
        store.release(study, token)
        assert store.holder(study) is None
        assert not store.renew(study, token, 30.0, NOW)
        assert store.acquire(study, "host:2", 30.0, NOW) > token

    def test_owner_may_take_its_own_lease_again(self, store: Store, study: str, token: int) -> None:
        assert store.acquire(study, "host:1", 30.0, NOW + 1) > token

    def test_controller_that_lost_its_lease_leaves_no_trace(self, store: Store, study: str, token: int) -> None:
        store.append(study, [suggested(0)], token=token, at=NOW)
        command = store.post(study, pause(), NOW)
        newer = store.acquire(study, "host:2", 30.0, NOW + 31)
        with pytest.raises(Conflict, match="host:2 has taken it over"):
            store.append(study, [suggested(1), report(0, 1)], token=token, at=NOW + 32, taken=[command])
        assert store.last_seq(study) == 2
        assert [pending.id for pending in store.pending(study)] == [command]
        store.append(study, [report(0, 1)], token=newer, at=NOW + 32)
        assert store.last_seq(study) == 3

    def test_nobody_appends_without_a_lease(self, store: Store, study: str) -> None:
        for token in (0, 1, -1):
            with pytest.raises(Conflict):
                store.append(study, [suggested(0)], token=token, at=NOW)

    # commands and cursors ---------------------------------------------------
    def test_commands_wait_in_order_until_recorded(self, store: Store, study: str, token: int) -> None:
        first = store.post(study, pause("anna"), NOW)
        second = store.post(study, pause("ben"), NOW + 1)
        assert [(p.id, p.at, p.command.by) for p in store.pending(study)] == [
            (first, NOW, "anna"),
            (second, NOW + 1, "ben"),
        ]
        store.append(study, [store.pending(study)[0].command], token=token, at=NOW + 2, taken=[first])
        assert [p.id for p in store.pending(study)] == [second]
        assert list(store.events(study))[-1].event == pause("anna")
        store.append(study, [], token=token, at=NOW + 2, taken=[second])
        third = store.post(study, pause(), NOW + 3)
        assert [p.id for p in store.pending(study)] == [third]
        assert third > second

    def test_cursors_are_kept_by_name(self, store: Store, study: str) -> None:
        assert store.cursor(study, "mlflow") == 0
        store.set_cursor(study, "mlflow", 5)
        store.set_cursor(study, "other", 7)
        store.set_cursor(study, "mlflow", 6)
        assert (store.cursor(study, "mlflow"), store.cursor(study, "other")) == (6, 7)

    # what the daemon and people keep of a study -----------------------------
    def test_slots_are_granted_and_taken_back(self, store: Store, study: str) -> None:
        assert store.granted(study) is None
        store.grant(study, 3)
        assert store.granted(study) == 3
        store.grant(study, None)
        assert store.granted(study) is None

    def test_the_list_says_which_studies_are_archived_or_queued(self, store: Store, study: str, token: int) -> None:
        store.append(study, [CommandGiven(command=CommandKind.ARCHIVE, by="anna")], token=token, at=NOW)
        assert store.find(study).archived
        store.append(study, [CommandGiven(command=CommandKind.UNARCHIVE, by="anna")], token=token, at=NOW)
        assert not store.find(study).archived
        store.append(study, [CommandGiven(command=CommandKind.QUEUE, by="anna")], token=token, at=NOW)
        assert store.find(study).status is StudyStatus.QUEUED
        for kind in (CommandKind.PAUSE, CommandKind.QUEUE):  # heard by its controller: it hurries, and stays paused
            store.append(study, [CommandGiven(command=kind, by="anna")], token=token, at=NOW)
            assert store.find(study).status is StudyStatus.PAUSED


WRITER = """
import sys
from orchestrator.events import EpochReported
from orchestrator.store import open_store
address, study, owner, trial, epochs = sys.argv[1:]
store = open_store(address)
token = store.acquire(study, owner, 30.0, 1_700_000_000.0)
for epoch in range(1, int(epochs) + 1):
    report = EpochReported(trial=int(trial), segment=1, epoch=epoch, metrics={"mAP": epoch / 1000, "loss": 1.0})
    store.append(study, [report], token=token, at=float(epoch))
    print(epoch, flush=True)
"""


class SharedStoreContract(StoreContract):
    """For stores that other processes open too. Needs `address` and `reopen` besides `store`."""

    def test_what_was_recorded_is_there_after_reopening(
        self, store: Store, study: str, token: int, reopen: Callable[[], Store]
    ) -> None:
        store.append(study, story(), token=token, at=NOW)
        store.post(study, pause(), NOW)
        store.set_cursor(study, "mlflow", 4)
        log = list(store.events(study))
        store.close()
        again = reopen()
        assert list(again.events(study)) == log
        assert (again.cursor(study, "mlflow"), len(again.pending(study)), again.holder(study) is not None) == (
            4,
            1,
            True,
        )

    def test_another_process_reads_while_this_one_writes(
        self, store: Store, study: str, token: int, reopen: Callable[[], Store]
    ) -> None:
        other = reopen()
        for epoch in range(1, 6):
            store.append(study, [report(0, epoch)], token=token, at=NOW)
            assert other.last_seq(study) == epoch + 1
            assert other.columns(study).epoch == tuple(range(1, epoch + 1))

    def test_two_processes_write_two_studies_at_once(self, store: Store, address: str) -> None:
        for name in ("s1", "s2"):
            store.create_study(created(name), NOW)
        writers = [_start(WRITER, address, name, name, "0", "60") for name in ("s1", "s2")]
        assert [(writer.wait(60), writer.communicate()[1]) for writer in writers] == [(0, ""), (0, "")]
        for name in ("s1", "s2"):
            assert seqs(list(store.events(name))) == list(range(1, 62))

    def test_of_two_controllers_one_wins_and_the_other_is_told(self, store: Store, address: str) -> None:
        store.create_study(created(), NOW)
        writers = [_start(WRITER, address, "s1", f"host:{number}", str(number), "20") for number in (1, 2)]
        ends = [(writer.communicate()[1], writer.returncode) for writer in writers]
        assert sorted(code for _, code in ends) == [0, 1]
        assert "is already run by host:" in next(text for text, code in ends if code == 1)
        assert len(set(store.columns("s1").trial)) == 1
        assert store.last_seq("s1") == 21

    def test_kill_between_appends_loses_nothing_that_was_acknowledged(self, store: Store, address: str) -> None:
        store.create_study(created(), NOW)
        writer = _start(WRITER, address, "s1", "host:1", "0", "100000")
        assert writer.stdout is not None
        told = [int(writer.stdout.readline()) for _ in range(25)]
        os.kill(writer.pid, signal.SIGKILL)
        told += [int(line) for line in writer.stdout.read().split()]  # communicate() loses what readline() read ahead
        writer.communicate()
        read = store.columns("s1").epoch
        assert read == tuple(range(1, len(read) + 1))
        assert len(told) <= len(read) <= len(told) + 1
        token = store.acquire("s1", "host:2", 30.0, NOW + 31)
        store.append("s1", [report(0, len(read) + 1)], token=token, at=NOW)
        assert store.last_seq("s1") == len(read) + 2

    def test_of_stores_that_want_one_lease_at_once_one_gets_it(
        self, store: Store, study: str, reopen: Callable[[], Store]
    ) -> None:
        stores = [reopen() for _ in range(6)]
        got = _at_once([partial(one.acquire, study, f"host:{i}", 30.0, NOW) for i, one in enumerate(stores)])
        assert min(map(str, got)) == "1"
        assert sum(isinstance(one, Conflict) for one in got) == 5
        lease = store.holder(study)
        assert lease is not None
        assert (lease.token, got[int(lease.owner.removeprefix("host:"))]) == (1, 1)

    def test_of_studies_of_one_name_created_at_once_one_is(self, store: Store, reopen: Callable[[], Store]) -> None:
        stores = [reopen() for _ in range(6)]
        wanted = [created(f"s{i}", "first") for i in range(6)]
        got = _at_once([partial(one.create_study, new, NOW) for one, new in zip(stores, wanted, strict=True)])
        assert sum(isinstance(one, Conflict) for one in got) == 5, got
        assert len(store.studies()) == 1

    def test_stores_opened_and_used_at_once_on_nothing_agree(self, fresh_address: str) -> None:
        stores: list[Store] = []

        def use(number: int) -> None:
            stores.append(open_store(fresh_address))
            stores[-1].create_study(created(f"s{number}"), NOW)

        assert _at_once([partial(use, number) for number in range(6)]) == [None] * 6
        assert {len(one.studies()) for one in stores} == {6}
        for one in stores:
            one.close()

    def test_a_cursor_first_set_by_many_at_once_is_kept(
        self, store: Store, study: str, reopen: Callable[[], Store]
    ) -> None:
        stores = [reopen() for _ in range(6)]
        assert _at_once([partial(one.set_cursor, study, "new", 5) for one in stores]) == [None] * 6
        assert store.cursor(study, "new") == 5

    def test_a_study_deleted_while_commands_arrive_is_gone_whole(
        self, store: Store, study: str, reopen: Callable[[], Store]
    ) -> None:
        stores = [reopen() for _ in range(4)]
        calls = [partial(one.post, study, pause(), NOW) for one in stores]
        got = _at_once([partial(store.delete_study, study, now=NOW), *calls])
        assert got[0] is None
        assert all(isinstance(one, (int, NotFound)) for one in got[1:]), got
        store.create_study(created(), NOW)
        assert store.pending(study) == []

    def test_many_readers_see_only_whole_batches(
        self, store: Store, study: str, token: int, reopen: Callable[[], Store]
    ) -> None:
        ended = threading.Event()

        def read(reader: Store) -> set[int]:
            seen = set()
            while not ended.is_set():
                log = list(reader.events(study))
                assert seqs(log) == list(range(1, len(log) + 1))
                seen.add((len(log) - 1) % 3)
            return seen

        def write() -> None:
            try:
                for epoch in range(1, 16):
                    store.append(study, [report(trial, epoch) for trial in range(3)], token=token, at=NOW)
            finally:
                ended.set()

        got = _at_once([write, *(partial(read, reopen()) for _ in range(4))])
        assert got == [None, {0}, {0}, {0}, {0}]

    def test_time_is_told_in_unix_seconds(self, store: Store) -> None:
        assert abs(store.now() - time.time()) < 60

    def test_processes_that_open_a_new_store_at_once_agree(self, fresh_address: str) -> None:
        script = "import sys; from orchestrator.store import open_store; print(len(open_store(sys.argv[1]).studies()))"
        openers = [_start(script, fresh_address) for _ in range(4)]
        assert [opener.communicate() for opener in openers] == [("0\n", "")] * 4


def _at_once(calls: Sequence[Callable[[], object]]) -> list[object]:
    """What the calls returned or raised, made by one thread each at the same moment."""
    gate = threading.Barrier(len(calls))

    def make(call: Callable[[], object]) -> object:
        gate.wait()
        try:
            return call()
        except (ReidTuneError, AssertionError) as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(make, calls))


def _start(script: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
