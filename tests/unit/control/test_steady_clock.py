"""The clock of limits and of the log: what passes is told by a steady clock, whatever the date is set to."""

from __future__ import annotations

import logging
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.control.clock import SteadyClock


class Hands:
    """A date and a steady clock that the test moves."""

    def __init__(self) -> None:
        self.date, self.steady = 1_700_000_000.0, 50.0

    def passes(self, seconds: float) -> None:
        self.date += seconds
        self.steady += seconds

    def clock(self) -> SteadyClock:
        return SteadyClock(lambda: self.date, lambda: self.steady)


def test_it_begins_with_the_date():
    hands = Hands()
    clock = hands.clock()
    assert clock() == 1_700_000_000.0
    hands.passes(5.0)
    assert clock() == 1_700_000_005.0


@pytest.mark.slow
@given(st.lists(st.tuples(st.floats(0, 1e5), st.floats(-1e7, 1e7)), max_size=20))
def test_whatever_the_date_is_set_to_only_what_passed_counts(moves):
    hands = Hands()
    clock, passed = hands.clock(), 0.0
    before = begun = clock()
    for seconds, step in moves:
        hands.passes(seconds)
        hands.date += step
        passed += seconds
        now = clock()
        assert now >= before
        assert now - begun == pytest.approx(passed, abs=1e-5)
        before = now


def test_a_date_that_was_set_is_told_once_and_small_corrections_are_not(caplog):
    hands = Hands()
    clock = hands.clock()
    with caplog.at_level(logging.WARNING):
        hands.date += 5.0
        clock()
        assert caplog.messages == []
        for step in (7200.0, -9000.0):
            hands.date += step
            clock()
            hands.passes(30.0)
            clock()
    assert len(caplog.messages) == 2
    assert "was set forward by 2 h" in caplog.messages[0]
    assert "was set back by 2.5 h" in caplog.messages[1]


def test_without_hands_it_is_the_time_of_day():
    clock = SteadyClock()
    assert clock() == pytest.approx(time.time(), abs=1.0)
    assert clock() <= clock()
