"""How the service deals its slots: nobody idle, nobody starved, nobody above a limit, nobody paused for nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.service.daemon.restarts import MOST, QUICK_SECONDS, Restarts
from orchestrator.service.daemon.seats import Seat, settle
from orchestrator.service.daemon.shares import Claim, grants

LIMITS = st.none() | st.integers(1, 6)
WEIGHTS = st.floats(0.1, 10.0, allow_nan=False)


@st.composite
def claims(draw, most: int = 7) -> list[Claim]:
    return [
        Claim(f"s{number}", draw(st.integers(0, 8)), draw(WEIGHTS), draw(st.integers(-1, 1)), draw(LIMITS))
        for number in range(draw(st.integers(0, most)))
    ]


@pytest.mark.slow
@given(st.integers(0, 20), claims())
def test_no_slot_idles_while_anybody_has_room_and_nobody_gets_more_than_its_room(slots, asked):
    made = grants(slots, asked)
    assert made.keys() == {claim.study for claim in asked}
    assert all(0 <= made[claim.study] <= claim.room for claim in asked)
    assert sum(made.values()) == min(slots, sum(claim.room for claim in asked))


@pytest.mark.slow
@given(st.integers(0, 20), claims())
def test_a_lower_priority_gets_only_what_a_higher_one_has_no_room_for(slots, asked):
    made = grants(slots, asked)
    for low in asked:
        if made[low.study]:
            assert all(made[high.study] == high.room for high in asked if high.priority > low.priority)


@pytest.mark.slow
@given(st.integers(0, 20), claims())
def test_within_a_priority_everybody_has_one_before_anybody_has_two(slots, asked):
    made = grants(slots, asked)
    for one in asked:
        if made[one.study] > 1:
            assert all(made[peer.study] for peer in asked if peer.priority == one.priority and peer.room)


@pytest.mark.slow
@given(st.integers(0, 20), claims())
def test_of_too_many_studies_the_first_of_the_queue_are_served(slots, asked):
    made = grants(slots, asked)
    for place, later in enumerate(asked):
        if made[later.study]:
            assert all(made[one.study] for one in asked[:place] if one.priority == later.priority and one.room)


@pytest.mark.slow
@given(st.integers(0, 20), claims())
def test_one_slot_more_takes_no_slot_from_anybody(slots, asked):
    before, after = grants(slots, asked), grants(slots + 1, asked)
    assert all(after[study] >= count for study, count in before.items())


@pytest.mark.slow
@given(st.integers(0, 40), st.lists(WEIGHTS, min_size=1, max_size=5))
def test_slots_go_by_weight_when_everybody_wants_many(slots, weights):
    asked = [Claim(f"s{number}", 100, weight) for number, weight in enumerate(weights)]
    made = grants(slots, asked)
    for one in asked:
        for other in asked:  # one slot moved to the heavier cannot make it fairer
            if made[one.study] > 1:
                assert one.weight / (2 * made[one.study] - 1) >= other.weight / (2 * made[other.study] + 1) - 1e-12


def test_two_to_one():
    assert grants(9, [Claim("a", 9, 2.0), Claim("b", 9, 1.0)]) == {"a": 6, "b": 3}


def test_what_one_does_not_want_goes_to_the_others():
    assert grants(9, [Claim("a", 1, 100.0), Claim("b", 9, 1.0), Claim("c", 9, 1.0, max_slots=2)]) == {
        "a": 1,
        "b": 6,
        "c": 2,
    }


@st.composite
def seats(draw) -> list[Seat]:
    """Studies as they may stand while at most as many segments run as there are slots."""
    made = [Seat(claim, going=draw(st.integers(0, 4)) == 0) for claim in draw(claims())]
    return [replace(seat, granted=draw(st.integers(0, 3)), running=draw(st.integers(0, 3))) for seat in made]


@pytest.mark.slow
@given(st.integers(0, 20), seats())
def test_grants_rise_only_into_slots_that_nobody_holds(slots, found):
    made = settle(slots, found)
    held_before = sum(seat.held for seat in found)
    held = sum(seat.running if seat.going else max(made[seat.claim.study], seat.running) for seat in found)
    assert held <= max(slots, held_before)
    assert all(made[seat.claim.study] <= seat.claim.room for seat in found if not seat.going)
    assert made.keys() == {seat.claim.study for seat in found if not seat.going}


@pytest.mark.slow
@given(st.integers(0, 20), seats())
def test_the_dealing_ends_in_the_grants_once_what_was_above_them_has_ended(slots, found):
    made = settle(slots, found)
    ended = [
        replace(seat, granted=made[seat.claim.study], running=min(seat.running, made[seat.claim.study]))
        for seat in found
        if not seat.going
    ]
    assert settle(slots, ended) == grants(slots, [seat.claim for seat in ended])


def test_a_higher_priority_waits_until_the_slot_is_free():
    low, high = Claim("low", 2), Claim("high", 2, priority=1)
    asked = settle(2, [Seat(low, granted=2, running=2), Seat(high)])
    assert asked == {"low": 0, "high": 0}
    assert settle(2, [Seat(low, granted=2, running=1, going=True), Seat(high)]) == {"high": 1}
    assert settle(2, [Seat(high, granted=1, running=1), Seat(low)]) == {"high": 2, "low": 0}


def test_a_child_that_dies_at_once_is_given_up_after_longer_and_longer_pauses():
    restarts, now, pauses = Restarts(), 0.0, []
    while restarts.died(1.0, now):
        pauses.append(restarts.not_before - now)
        now = restarts.not_before
    assert pauses == sorted(pauses)
    assert len(pauses) == MOST - 1


def test_a_child_that_worked_for_a_while_is_always_started_again():
    restarts = Restarts()
    assert all(restarts.died(QUICK_SECONDS, now) for now in range(0, 10_000, 100))
