"""Images of many callers go through the model together, and no more wait than may."""

import threading

import numpy as np
import pytest

from orchestrator.service.served_model.batches import Batches, Busy


class Gate:
    """A model that waits until it is let go; remembers the sizes of its batches."""

    def __init__(self):
        self.sizes, self.open, self.inside = [], threading.Event(), threading.Event()

    def __call__(self, pixels):
        self.sizes.append(len(pixels))
        self.inside.set()
        assert self.open.wait(30)
        return pixels[:, 0, 0].astype(np.float32)


def image(value, count=1):
    return np.full((count, 1, 1, 3), value, np.uint8)


@pytest.fixture
def gate():
    return Gate()


@pytest.fixture
def batches(gate):
    made = Batches(gate, most=4, delay=0.0, queue=6)
    yield made
    gate.open.set()
    made.close()


def test_what_waits_goes_together_and_each_gets_its_own(batches, gate):
    first = batches.submit(image(1))
    assert gate.inside.wait(30)
    others = [batches.submit(image(value)) for value in (2, 3, 4, 5, 6)]
    gate.open.set()
    assert [one.result(30)[0, 0] for one in [first, *others]] == [1, 2, 3, 4, 5, 6]
    assert gate.sizes == [1, 4, 1]
    assert (batches.figures.images, batches.figures.batches, batches.waiting) == (6, 3, 0)


def test_more_than_the_queue_is_refused_with_a_time_to_come_again(batches, gate):
    batches.submit(image(1))
    assert gate.inside.wait(30)
    batches.submit(image(2, 6))
    with pytest.raises(Busy) as busy:
        batches.submit(image(3))
    assert busy.value.seconds >= 1
    assert batches.figures.refused == 1


def test_a_request_larger_than_the_queue_is_taken_when_nothing_waits(batches, gate):
    gate.open.set()
    assert len(batches.submit(image(1, 9)).result(30)) == 9


def test_a_full_batch_does_not_wait(gate):
    gate.open.set()
    batches = Batches(gate, most=2, delay=3600, queue=10)
    with batches.coming():
        both = [batches.submit(image(value)) for value in (1, 2)]
        assert [one.result(30)[0, 0] for one in both] == [1, 2]
    batches.close()


def test_nobody_waits_when_nobody_is_on_the_way(gate):
    gate.open.set()
    batches = Batches(gate, most=8, delay=3600, queue=10)
    assert batches.submit(image(1)).result(30)[0, 0] == 1
    batches.close()


def test_a_batch_waits_for_those_on_the_way_and_for_no_others(gate):
    gate.open.set()
    batches = Batches(gate, most=8, delay=3600, queue=10)
    with batches.coming():
        first = batches.submit(image(1))
        assert not gate.inside.wait(0.05)
        second = batches.submit(image(2))
    assert [one.result(30)[0, 0] for one in (first, second)] == [1, 2]
    assert gate.sizes == [2]
    batches.close()


def test_closing_finishes_what_waits_and_takes_nothing_more(gate):
    batches = Batches(gate, most=4, delay=0.0, queue=6)
    waiting = [batches.submit(image(value)) for value in (1, 2, 3)]
    closing = threading.Thread(target=batches.close)
    closing.start()
    gate.open.set()
    closing.join(30)
    assert [one.result(0)[0, 0] for one in waiting] == [1, 2, 3]
    assert not batches.alive
    with pytest.raises(Busy):
        batches.submit(image(4))


def test_a_batch_that_fails_is_told_to_its_callers_only():
    def broken(pixels):
        if pixels.max() > 9:
            raise ValueError("no")
        return pixels[:, 0, 0]

    batches = Batches(broken, most=3, delay=3600, queue=6)
    with batches.coming():
        first, bad, last = [batches.submit(image(value)) for value in (1, 10, 2)]
        with pytest.raises(ValueError, match="no"):
            bad.result(30)
        assert [one.result(30)[0, 0] for one in (first, last)] == [1, 2]
    assert batches.figures.images == 2
    batches.close()
