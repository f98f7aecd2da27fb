"""The daemon: looks at the studies twice a second, deals the slots, starts controllers, and ends all when asked."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from orchestrator.control.slots import WANTED
from orchestrator.events import CommandGiven, CommandKind, StudyState, StudyStatus
from orchestrator.events.state import SERVICE as BY
from orchestrator.service.asking import record
from orchestrator.service.daemon.children import Child, Children, Exit, kill_tree
from orchestrator.service.daemon.last_run import last_run, paused_by_a_signal, started_by
from orchestrator.service.daemon.restarts import MOST, QUICK_SECONDS, Restarts
from orchestrator.service.daemon.seats import Seat, settle
from orchestrator.service.daemon.settings import Settings
from orchestrator.service.daemon.shares import Claim
from orchestrator.service.errors import NotFound, ReidTuneError, ServerUnreachable
from orchestrator.service.logs import logger
from orchestrator.service.processes import living
from orchestrator.service.service import Service
from orchestrator.store import OUTAGE_SECONDS, StudyRow

__all__ = ["BY", "Supervisor"]

_CONFLICT = 6
_START_SECONDS = 180.0
"""Longer than a controller waits for Ray's workers: one that has not begun by then is told of."""
_AWAKE = frozenset({StudyStatus.QUEUED, StudyStatus.RUNNING})


class Supervisor:
    """Serves the studies of one home. Only one may: whoever makes it holds the daemon's lock."""

    def __init__(self, service: Service, settings: Settings) -> None:
        self._service, self._store, self._settings = service, service.store, settings
        self._children = Children(service.home, settings)
        self._restarts: dict[str, Restarts] = {}
        self._served: set[str] = set()  # studies with a controller in our care, our child or one that we found
        self._leaving: dict[str, bool] = {}  # those that were asked to go back into the queue, and whether they heard
        self._gave_up: dict[str, tuple[str, int]] = {}  # why, and the number of events then: a new one is a new try
        self._faults: dict[str, str] = {}  # what failed in this turn, and in the one before
        self._faults_before: dict[str, str] = {}
        self._unstarted: dict[str, str] = {}  # why there is no controller yet
        self._refused: dict[str, str] = {}  # what the last controllers could not reach, until one takes over
        self._down = threading.Event()
        self._ending = self._now = False
        self._log = logger(__name__)

    @property
    def troubles(self) -> dict[str, str]:
        """Why studies do not go on, by id."""
        gave_up = {study: text for study, (text, _) in self._gave_up.items()}
        return gave_up | self._refused | self._unstarted | self._faults

    def end(self, *, now: bool = False) -> None:
        """Ask `run` to end: controllers save what runs first, or `now`. Safe in a signal handler."""
        self._ending, self._now = True, self._now or now
        self._down.set()

    @property
    def ending(self) -> bool:
        """Whether the end was asked for."""
        return self._ending

    def wait(self) -> None:
        """Until the next turn, or until the end is asked for."""
        self._down.wait(self._settings.tick)

    def turn(self) -> None:
        """Look once, and do what follows. What fails for one study is its trouble, and tried again in the next turn.

        Raises ServerUnreachable for a store that does not answer.
        """
        self._faults, self._faults_before = {}, self._faults
        self._bury()
        known = self._store.studies()
        self._served &= {row.id for row in known}  # a study may be deleted meanwhile
        rows = [row for row in known if row.status in _AWAKE or row.id in self._served]
        found = [(row, seat) for row in reversed(rows) if (seat := self._seen(row)) is not None]
        found.sort(key=lambda one: one[0].id not in self._served)  # stable: who runs keeps its slot, then the oldest
        granted = settle(self._settings.slots, [seat for _, seat in found])
        for row, seat in found:
            if not seat.going:
                with self._told(row):
                    self._give(row, seat, granted[row.id])
        waiting = {row.id for row, _ in found}
        for told in (self._unstarted, self._refused):
            for study in told.keys() - waiting:
                del told[study]

    def finish(self) -> None:
        """End every controller; their studies go back into the queue, or are found as interrupted.

        A store that fails is waited for; when it does not come back, its error is raised and the controllers go on.
        """
        asked: set[str] = set()
        patience = time.monotonic() + OUTAGE_SECONDS
        while not self._now:
            try:
                if not self._ask_all_back(asked):
                    return
                patience = time.monotonic() + OUTAGE_SECONDS
            except Exception as error:
                if time.monotonic() > patience:
                    raise
                self._log.warning("the service cannot go down yet: %s", _text(error))
            self._down.clear()  # a second request wakes us at once
            self._down.wait(self._settings.tick)
        self._children.kill()
        for study in sorted(study for study in self._served if study not in self._children):
            self._kill_found(study)

    def _ask_all_back(self, asked: set[str]) -> bool:
        """Ask whoever is not among `asked`; whether anybody is left."""
        self._bury()
        left = {study for study in self._served if self._lives(study)}
        for study in sorted(left - asked - self._leaving.keys()):
            self._ask_back(study)
            asked.add(study)
        return bool(left)

    # one study ---------------------------------------------------------------
    @contextmanager
    def _told(self, row: StudyRow) -> Iterator[None]:
        """What fails in the block is the trouble of this study, and one line in the log; the others go on."""
        try:
            yield
        except ServerUnreachable:
            raise
        except Exception as error:  # noqa: BLE001 - not even a fault of our own may hold up the others
            expected = isinstance(error, (ReidTuneError, OSError))
            self._faults[row.id] = text = _text(error)
            if self._faults_before.get(row.id) != text:
                self._log.warning("study %s: %s", row.name, text, study=row.id, exc_info=None if expected else error)

    def _seen(self, row: StudyRow) -> Seat | None:
        """Its seat. Of one that cannot be read, a controller keeps the slots that it has, and gets no others."""
        seat: Seat | None = None
        with self._told(row):
            seat = self._seat(row)
        if seat is None and row.id in self._faults and row.id in self._served:
            seat = Seat(Claim(row.id, 0), running=self._store.granted(row.id) or 0, going=True)
        return seat

    def _seat(self, row: StudyRow) -> Seat | None:
        """The study as the dealing sees it; None when it is not the daemon's, or rests."""
        granted, child = self._store.granted(row.id), self._children.get(row.id)
        live = self._lives(row.id)
        if not live and row.id in self._served:
            self._gone(row, died=row.status is StudyStatus.RUNNING, lived=QUICK_SECONDS)
        if not live and (row.status not in _AWAKE or row.archived or self._is_given_up(row)):
            return None
        if row.status is StudyStatus.RUNNING and child is None and granted is None:
            return None  # somebody runs it, or ran it, in a terminal
        if live:
            self._served.add(row.id)
        if child is not None and not child.took_over:
            self._look_at_start(row, child)
        if row.id in self._leaving:
            self._hear(row)
        took_over = child is None or child.took_over
        going = live and (row.id in self._leaving or (took_over and row.status is not StudyStatus.RUNNING))
        state = self._service.state(row.id)
        return Seat(
            Claim(row.id, 0) if not live and self._pauses(row.id) else self._claim(row.id, state, live=live),
            granted=(granted or 0) if live else 0,
            running=len(state.running) if live else 0,
            going=going,
        )

    def _look_at_start(self, row: StudyRow, child: Child) -> None:
        """Whether a controller that was started has taken its study over; one that a person paused before is ended."""
        if row.status is StudyStatus.RUNNING and self._begun(row.id):
            child.took_over = True
            self._refused.pop(row.id, None)
        elif row.status is StudyStatus.PAUSED and not self._begun(row.id):
            self._children.ask_to_end(row.id)
        elif time.monotonic() - child.began > _START_SECONDS:
            self._faults[row.id] = f"its controller started, and has not begun yet: see {self._log_of(row)}"

    def _pauses(self, study: str) -> bool:
        """Whether its last controller could not be started, and the next is not tried yet: others have its slots."""
        restarts = self._restarts.get(study)
        failed = study in self._unstarted or study in self._refused
        return failed and restarts is not None and not restarts.may_start(time.monotonic())

    def _claim(self, study: str, state: StudyState, *, live: bool) -> Claim:
        workers = state.created.workers if state.created is not None else 1
        wanted = (self._store.cursor(study, WANTED) if live else 0) or workers
        return Claim(study, min(wanted, workers), state.weight, state.priority, state.max_slots)

    def _give(self, row: StudyRow, seat: Seat, slots: int) -> None:
        """Let the study have so many slots."""
        if row.id in self._served:
            if slots == 0:
                self._log.info("study %s makes room for a higher priority", row.name, study=row.id)
                self._ask_back(row.id)
            elif slots != seat.granted:
                self._store.grant(row.id, slots)
                self._log.info("study %s: %d slots", row.name, slots, study=row.id)
            return
        restarts = self._restarts.setdefault(row.id, Restarts())
        if slots and restarts.may_start(time.monotonic()):
            self._start(row, slots, restarts)

    def _start(self, row: StudyRow, slots: int, restarts: Restarts) -> None:
        self._store.grant(row.id, slots)
        self._store.set_cursor(row.id, WANTED, 0)
        try:
            pid = self._children.start(row.id)
        except OSError as error:  # a folder that cannot be written, a full disk, no room for a process
            restarts.failed(time.monotonic())
            self._unstarted[row.id] = f"its controller cannot be started: {error}"
            self._log.warning("study %s: %s", row.name, self._unstarted[row.id], study=row.id)
            return
        self._unstarted.pop(row.id, None)
        self._served.add(row.id)
        self._log.info("study %s starts with %d slots", row.name, slots, study=row.id, pid=pid)

    def _ask_back(self, study: str) -> None:
        """The controller saves within its epochs and leaves; one that has not taken over has nothing to save."""
        self._leaving[study] = False
        if study in self._children and not self._begun(study):
            self._children.ask_to_end(study)
            return
        self._store.post(study, CommandGiven(command=CommandKind.QUEUE, by=BY), time.time())

    def _hear(self, row: StudyRow) -> None:
        """Whether a controller that was asked back has heard it, or a person has resumed its study since."""
        if row.status is StudyStatus.RUNNING and self._leaving[row.id]:
            del self._leaving[row.id]
        elif row.status in {StudyStatus.QUEUED, StudyStatus.PAUSED}:
            self._leaving[row.id] = True

    def _lives(self, study: str) -> bool:
        """Whether it has a controller. Whoever only records a command names no plain process id."""
        return study in self._children or living(self._store, study).rpartition(":")[2].isdigit()

    def _begun(self, study: str) -> bool:
        """Whether the controller that we started runs the study by now."""
        child = self._children.get(study)
        if child is None or child.took_over:
            return child is not None
        with suppress(NotFound):
            return living(self._store, study) == f"{socket.gethostname()}:{child.process.pid}"
        return False

    def _is_given_up(self, row: StudyRow) -> bool:
        """Whether nothing was asked of the study since the daemon gave it up."""
        text, seq = self._gave_up.get(row.id, ("", 0))
        if text and row.seq > seq:
            del self._gave_up[row.id]
            self._restarts.pop(row.id, None)
        return row.id in self._gave_up

    def _kill_found(self, study: str) -> None:
        """Kill a controller that an earlier daemon started here."""
        try:
            owner = living(self._store, study)
        except ReidTuneError as error:
            self._log.warning("nobody can say who runs study %s: %s", study, error.message, study=study)
            return
        machine, _, pid = owner.rpartition(":")
        if pid.isdigit() and machine == socket.gethostname():
            kill_tree(int(pid))

    # what has ended ----------------------------------------------------------
    def _bury(self) -> None:
        """Draw the conclusions from controllers that have ended, or do not although they were asked to."""
        for study in self._children.deaf():
            if not self._begun(study):
                self._children.kill_one(study)
        for gone in self._children.ended():
            try:
                row = self._store.find(gone.study)
            except NotFound:
                self._served.discard(gone.study)
                continue
            self._log.info("study %s: its controller ended", row.name, study=row.id, code=gone.code)
            with self._told(row):
                others = self._lives(row.id)  # a controller that finds another one leaves with a conflict
                died = (gone.code not in {0, _CONFLICT}) or (
                    not others and (gone.code == _CONFLICT or row.status is StudyStatus.RUNNING)
                )
                self._gone(row, died=died, lived=gone.lived, exited=gone)

    def _gone(self, row: StudyRow, *, died: bool, lived: float, exited: Exit | None = None) -> None:
        """A controller is gone: its study rests, waits, or is started again after a pause."""
        paused = row.id in self._leaving and row.status is StudyStatus.PAUSED
        if paused and paused_by_a_signal(last_run(self._store, row)):
            back = [CommandGiven(command=kind, by=BY) for kind in (CommandKind.RESUME, CommandKind.QUEUE)]
            record(self._store, row.id, back, time.time())  # unless somebody runs it again
        elif row.status not in _AWAKE:
            self._restarts.pop(row.id, None)
            self._store.grant(row.id, None)
        elif not died:
            self._store.grant(row.id, None)  # a grant marks what is to go on by itself; the queue does so anyway
        elif not self.ending and (exited is None or not exited.asked):
            self._try_again(row, lived, exited)
        self._leaving.pop(row.id, None)
        self._served.discard(row.id)

    def _try_again(self, row: StudyRow, lived: float, exited: Exit | None) -> None:
        """Start another controller after a pause: for ever where a server kept it from starting, else some times."""
        now, restarts = time.monotonic(), self._restarts.setdefault(row.id, Restarts())
        if exited is not None and exited.code == ServerUnreachable.exit_code and not self._ran(row, exited):
            restarts.failed(now)
            text = f"its controller cannot be started: {exited.said or f'see {self._log_of(row)}'}"
            if self._refused.get(row.id) != text:
                self._log.warning("study %s: %s", row.name, text, study=row.id)
            self._refused[row.id] = text
        elif not restarts.died(lived, now):
            self._give_up(row, exited)

    def _ran(self, row: StudyRow, exited: Exit) -> bool:
        """Whether a controller that is gone had taken its study over."""
        return started_by(last_run(self._store, row)) == f"{socket.gethostname()}:{exited.pid}"

    def _log_of(self, row: StudyRow) -> Path:
        return self._service.home.study(row.id) / "controller.log"

    def _give_up(self, row: StudyRow, exited: Exit | None) -> None:
        code = "" if exited is None else f" (exit code {exited.code})"
        text = f"its controller died {MOST} times soon after it had started{code}: see {self._log_of(row)}"
        self._gave_up[row.id] = (text, self._store.last_seq(row.id))
        self._store.grant(row.id, None)
        self._log.error("study %s is given up: %s", row.name, text, study=row.id)


def _text(error: Exception) -> str:
    """What an error says to a person."""
    if isinstance(error, ReidTuneError):
        return error.message
    return str(error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
