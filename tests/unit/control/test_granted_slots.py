"""A study that is granted fewer slots pauses its newest segments, and goes on when the slots are back."""

from __future__ import annotations

from trials.studies import created

from orchestrator.control.decide import Finish, Start, Stop, Suggest, decide
from orchestrator.control.slots import WANTED, SharedSlots
from orchestrator.events import (
    CommandGiven,
    CommandKind,
    ControllerStarted,
    Logged,
    Origin,
    OutcomeKind,
    SegmentEnded,
    SegmentStarted,
    StudyState,
    StudyStatus,
    TrialSuggested,
    fold,
)
from orchestrator.search import NewTrial
from orchestrator.store import MemoryStore

NEW = NewTrial(values={"lr": 1e-3}, origin=Origin.RANDOM, reason="drawn", bracket=0, to_epoch=3)
QUEUE = CommandGiven(command=CommandKind.QUEUE, by="reid-tune up")


class Wants:
    def __init__(self, move: NewTrial | None):
        self._move = move
        self.asked = 0

    def next(self, _state):
        self.asked += 1
        return self._move


def with_running(count: int, *events) -> StudyState:
    log = [created(), ControllerStarted(owner="h:1", token=1, workers=4)]
    for number in range(1, count + 1):
        log.append(
            TrialSuggested(trial=number, values={}, origin=Origin.RANDOM, reason="", bracket=0, to_epoch=3),
        )
        log.append(SegmentStarted(segment=number, trial=number, from_epoch=0, to_epoch=3))
    return fold(Logged(seq, float(seq), event) for seq, event in enumerate([*log, *events], 1))


def paused(segment: int) -> SegmentEnded:
    return SegmentEnded(segment=segment, trial=segment, outcome=OutcomeKind.PAUSED)


def test_segments_above_the_grant_pause_the_newest_first():
    state = with_running(3)
    assert decide(Wants(NEW), state, slots=1) == Stop(3)
    assert decide(Wants(NEW), state, slots=1, stopping=frozenset({3})) == Stop(2)
    assert decide(Wants(NEW), state, slots=1, stopping=frozenset({2, 3})) is None


def test_the_paused_trial_goes_on_when_the_slot_is_back():
    state = with_running(2, paused(2))
    assert decide(Wants(NEW), state, slots=1) is None
    again = decide(Wants(NEW), state, slots=2)
    assert isinstance(again, Start)
    assert again.trial == 2


def test_a_study_that_is_asked_back_into_the_queue_pauses_everything_and_leaves():
    state = with_running(1, QUEUE)
    assert state.status is StudyStatus.QUEUED
    assert decide(Wants(NEW), state, slots=2) == Stop(1)
    assert decide(Wants(NEW), with_running(1, QUEUE, paused(1)), slots=2) == Finish(StudyStatus.QUEUED, "")


def test_a_new_controller_takes_a_queued_study_up():
    state = with_running(0, QUEUE, ControllerStarted(owner="h:2", token=2, workers=4))
    assert decide(Wants(NEW), state, slots=1) == Suggest(1, NEW)


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


def shared(grant: int | None) -> tuple[MemoryStore, SharedSlots]:
    store = MemoryStore()
    store.create_study(created(), 0.0)
    store.grant("id-curves", grant)
    return store, SharedSlots(store, "id-curves", Clock())


def test_without_a_daemon_every_worker_may_run():
    store, slots = shared(None)
    assert slots.of(4) == 4
    slots.tell(Wants(NEW), with_running(1), 4, frozenset(), 0.0)
    assert store.cursor("id-curves", WANTED) == 0


def test_a_grant_is_followed_while_it_changes():
    store, slots = shared(1)
    assert slots.of(4) == 1
    store.grant("id-curves", 3)
    assert slots.of(4) == 3
    store.grant("id-curves", 9)
    assert slots.of(4) == 4


def test_a_study_with_work_left_asks_for_more_and_one_without_keeps_what_it_uses():
    store, slots = shared(2)
    slots.of(4)
    slots.tell(Wants(NEW), with_running(2), 4, frozenset(), 0.0)
    assert store.cursor("id-curves", WANTED) == 3
    slots.tell(Wants(None), with_running(2, CommandGiven(command=CommandKind.NOTE)), 4, frozenset(), 0.0)
    assert store.cursor("id-curves", WANTED) == 2


def test_the_algorithm_is_asked_once_for_each_state():
    _, slots = shared(2)
    slots.of(4)
    algorithm, state = Wants(NEW), with_running(2)
    for _ in range(5):
        slots.tell(algorithm, state, 4, frozenset(), 0.0)
    assert algorithm.asked == 1
