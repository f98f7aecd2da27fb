"""When running segments are asked to pause within their epoch: this process, or its turn, is about to be over."""

from __future__ import annotations

import pytest
from trials.studies import CURVE_TRIAL, created

from orchestrator.backends.inline import InlineBackend
from orchestrator.backends.protocol import Beat
from orchestrator.control.controller import Controller
from orchestrator.events import Asked, CommandGiven, CommandKind
from orchestrator.store import MemoryStore
from orchestrator.trial.protocol import Resources


class Listening(InlineBackend):
    """Inline, and keeps what it was asked; `first` is called at the first sign of life."""

    def __init__(self, first):
        super().__init__(CURVE_TRIAL)
        self.asked, self.first = [], first

    def pump(self, sink, timeout):
        def hear(message):
            if isinstance(message, Beat) and self.first is not None:
                first, self.first = self.first, None
                first()
            sink(message)

        super().pump(hear, timeout)

    def stop(self, segment, *, within=False):
        self.asked.append((segment, within))
        super().stop(segment, within=within)


@pytest.fixture
def asked_at_first(tmp_path):
    """What segments are asked when something happens in the first of three epochs; the state in the end."""

    def run(happens):
        store = MemoryStore()
        store.create_study(created(trials=1, max_epochs=3, **{"TEST.DELAY": 0.2}), 0.0)
        backend = Listening(lambda: happens(made, store))
        made = Controller(store, "id-curves", backend, directory=tmp_path, resources=Resources())
        return made.run(), backend.asked

    return run


@pytest.mark.slow
@pytest.mark.parametrize("within", [False, True])
def test_an_interrupt_says_whether_it_waits_for_the_epoch(asked_at_first, within):
    state, asked = asked_at_first(lambda made, _: made.interrupt("SIGTERM", within=within))
    assert state.status.value == "paused"
    assert asked == [(1, within)]
    assert state.trials[1].epoch == (0 if within else 1)


def test_an_interrupt_in_a_hurry_overtakes_one_that_waits(asked_at_first):
    def twice(made, _):
        made.interrupt("Ctrl-C")
        made._between_epochs()
        made.interrupt("SIGTERM", within=True)

    state, asked = asked_at_first(twice)
    assert asked == [(1, False), (1, True)]
    assert state.trials[1].epoch == 0


@pytest.mark.slow
@pytest.mark.parametrize("now", [False, True])
def test_a_stop_says_whether_it_waits_for_the_epoch(asked_at_first, now):
    stop = CommandGiven(command=CommandKind.STOP, by="anna", asked=Asked(now=now))
    state, asked = asked_at_first(lambda _, store: store.post("id-curves", stop, 1.0))
    assert asked == [(1, now)]
    assert (state.status.value, state.trials[1].epoch) == ("stopped", 0 if now else 1)


def test_a_stop_that_waits_for_the_epoch_is_overtaken_by_one_that_does_not(asked_at_first):
    def both(made, store):
        for now in (False, True):
            stop = CommandGiven(command=CommandKind.STOP, by="anna", asked=Asked(now=now))
            store.post("id-curves", stop, 1.0)
            made._between_epochs()

    state, asked = asked_at_first(both)
    assert asked == [(1, False), (1, True)]
    assert (state.status.value, state.trials[1].epoch) == ("stopped", 0)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "within"), [(CommandKind.PAUSE, False), (CommandKind.QUEUE, True)])
def test_a_study_that_goes_back_into_the_queue_does_not_wait_for_its_epochs(asked_at_first, kind, within):
    state, asked = asked_at_first(lambda _, store: store.post("id-curves", CommandGiven(command=kind, by="anna"), 1.0))
    assert asked == [(1, within)]
    assert state.trials[1].epoch == (0 if within else 1)


def test_a_pause_that_waits_for_the_epoch_does_not_once_the_service_goes_down(asked_at_first):
    def both(made, store):
        made.interrupt("Ctrl-C")
        made._between_epochs()
        store.post("id-curves", CommandGiven(command=CommandKind.QUEUE, by="the service"), 1.0)

    state, asked = asked_at_first(both)
    assert asked == [(1, False), (1, True)]
    assert (state.status.value, state.trials[1].epoch) == ("paused", 0)
