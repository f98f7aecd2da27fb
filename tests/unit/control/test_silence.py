"""Segments that are not heard of for too long are told once, and the controller has them ended."""

from __future__ import annotations

from trials.studies import created

from orchestrator.backends.protocol import Beat, Ended, Saved
from orchestrator.control.controller import Controller
from orchestrator.control.silence import Silence
from orchestrator.events import SegmentEnded, StudyStatus
from orchestrator.store import MemoryStore
from orchestrator.trial.kinds import FailureKind
from orchestrator.trial.protocol import CheckpointRef, Completed, Resources


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def test_a_segment_is_hung_after_so_long_without_a_sign_and_told_once():
    clock = Clock()
    silence = Silence(10.0, clock)
    silence.heard(1)
    clock.now += 6
    silence.heard(2)
    assert not list(silence.hung())
    clock.now += 4
    assert [one.segment for one in silence.hung()] == [1]
    assert not list(silence.hung())


def test_every_sign_counts_and_a_segment_that_is_over_is_not_missed():
    clock = Clock()
    silence = Silence(10.0, clock)
    for _ in range(5):
        silence.heard(1)
        clock.now += 9
        assert not list(silence.hung())
    silence.forget(1)
    clock.now += 100
    assert not list(silence.hung())


def test_what_a_hung_segment_counts_as_may_be_tried_again():
    clock = Clock()
    silence = Silence(10.0, clock)
    silence.heard(1)
    clock.now += 12
    outcome = next(silence.hung()).outcome
    assert (outcome.kind, outcome.retryable) == (FailureKind.TIMEOUT, True)
    assert outcome.message == "no sign of life for 12 s: its processes were ended"


class HangingBackend:
    """Its first segment gives one sign of life and then none; `end` is answered with the next pump."""

    slots = 1

    def __init__(self, clock):
        self._clock, self._box, self.ended = clock, [], []

    def start(self, spec):
        self._box.append(Beat(spec.segment))
        if spec.segment > 1:
            done = CheckpointRef("none", spec.to_epoch, "")
            self._box += [Saved(spec.segment, done), Ended(spec.segment, Completed(done), 1.0, "here:1")]

    def pump(self, sink, timeout):  # noqa: ARG002 - time passes by itself
        self._clock.now += 1
        box, self._box = self._box, []
        for message in box:
            sink(message)

    def stop(self, segment, *, within=False):
        pass

    def end(self, segment, outcome):
        self.ended.append(segment)
        self._box.append(Ended(segment, outcome, 1.0, "here:1"))

    def avoid(self, node):
        pass

    def close(self):
        pass


def test_the_controller_ends_a_hung_segment_and_runs_its_trial_again(tmp_path):
    store, clock = MemoryStore(), Clock()
    store.create_study(created(trials=1, max_epochs=1), 0.0)
    backend = HangingBackend(clock)
    told = Controller(store, "id-curves", backend, directory=tmp_path, resources=Resources(silence=30.0))
    told._silence = Silence(30.0, clock)
    state = told.run()
    assert backend.ended == [1]
    events = [logged.event for logged in store.events("id-curves")]
    assert [(e.segment, e.failure) for e in events if isinstance(e, SegmentEnded)] == [(1, "timeout"), (2, None)]
    assert state.status is StudyStatus.COMPLETED
