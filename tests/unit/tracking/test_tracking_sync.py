"""Catching up with the log while the far side comes and goes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import pytest

from orchestrator.events import ControllerStarted, Logged
from orchestrator.tracking import SyncReport, sync
from reid_core.errors import ServerUnreachable


def _log(count: int) -> list[Logged]:
    return [Logged(seq, float(seq), ControllerStarted(owner="o", token=seq, workers=1)) for seq in range(1, count + 1)]


class Notebook:
    """A projection that writes sequence numbers down, and is down whenever `down()` says so."""

    def __init__(self, down: Callable[[], bool] = lambda: False, *, known: bool = True) -> None:
        self.written: list[int] = []
        self.recalled: list[int] = []
        self.down, self.known = down, known

    def exists(self) -> bool:
        return self.known

    def recall(self, log: Iterable[Logged]) -> None:
        self.recalled += [logged.seq for logged in log]

    def feed(self, log: list[Logged]) -> None:
        if self.down():
            raise ServerUnreachable("MLflow is down", hint="wait")
        self.written += [logged.seq for logged in log]


class Desk:
    """A log, a cursor and a clock that counts the seconds slept."""

    def __init__(self, count: int, cursor: int = 0) -> None:
        self.log, self.cursor, self.slept = _log(count), cursor, 0.0

    def read(self, after: int) -> Iterator[Logged]:
        return iter(self.log[after:])

    def set_cursor(self, seq: int) -> None:
        self.cursor = seq

    def sleep(self, seconds: float) -> None:
        self.slept += seconds

    def sync(self, notebook: Notebook, follow: Callable[[], bool] | None = None) -> SyncReport:
        return sync(self.read, lambda: self.cursor, self.set_cursor, notebook, follow=follow, sleep=self.sleep)


def test_everything_after_the_cursor_is_written_and_ticked_off() -> None:
    desk, notebook = Desk(5, cursor=2), Notebook()
    report = desk.sync(notebook)
    assert (notebook.recalled, notebook.written, desk.cursor) == ([1, 2], [3, 4, 5], 5)
    assert (report.events, report.seq, report.errors, report.complete) == (3, 5, 0, True)


def test_long_log_goes_in_batches_that_are_ticked_off_one_by_one() -> None:
    desk, cursors = Desk(5), []
    sync(desk.read, lambda: 0, cursors.append, Notebook(), batch=2)
    assert cursors == [2, 4, 5]


def test_projection_that_lost_the_study_gets_it_from_the_beginning() -> None:
    desk, notebook = Desk(3, cursor=3), Notebook(known=False)
    desk.sync(notebook)
    assert (notebook.recalled, notebook.written) == ([], [1, 2, 3])


def test_far_side_down_for_good_is_told_after_a_few_attempts() -> None:
    desk = Desk(3)
    report = desk.sync(Notebook(lambda: True))
    assert (report.complete, report.events, report.seq, report.errors) == (False, 0, 0, 3)
    assert report.last_error == "MLflow is down"
    assert str(report) == "MLflow has the events up to 0 only; MLflow is down"
    assert desk.cursor == 0
    assert desk.slept == pytest.approx(0.5 + 1.0, abs=0.11)


def test_far_side_down_for_a_while_misses_nothing() -> None:
    desk = Desk(3)
    notebook = Notebook(lambda: desk.slept < 20)
    report = desk.sync(notebook, follow=lambda: desk.slept < 100)
    assert (report.complete, notebook.written, desk.cursor) == (True, [1, 2, 3], 3)
    assert report.errors > 3


def test_waits_grow_but_not_beyond_half_a_minute() -> None:
    desk = Desk(1)
    report = desk.sync(Notebook(lambda: True), follow=lambda: desk.slept < 300)
    assert 300 / 30 < report.errors < 20


def test_events_that_come_while_following_are_written() -> None:
    desk, notebook = Desk(1), Notebook()

    def follow() -> bool:
        desk.log = _log(min(len(desk.log) + 1, 6))
        return len(desk.log) < 6

    desk.sync(notebook, follow)
    assert notebook.written == [1, 2, 3, 4, 5, 6]


def test_end_of_the_study_does_not_wait_out_a_long_pause() -> None:
    desk = Desk(1)
    report = desk.sync(Notebook(lambda: True), follow=lambda: desk.slept < 33)
    assert not report.complete
    assert desk.slept < 34


def test_store_that_cannot_be_read_is_reported_too() -> None:
    def broken() -> int:
        raise OSError("disk on fire")

    report = sync(lambda _: iter([]), broken, lambda _: None, Notebook(), sleep=lambda _: None)
    assert (report.complete, report.last_error) == (False, "disk on fire")
