"""The front of a study: what dominates, what constraints leave, and what hypervolume says of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from orchestrator.events.aims import Aims
from orchestrator.events.front import FrontTally
from search_spaces.model import Goal, Objective

TWO = Aims((Objective(), Objective(metric="latency_ms", goal=Goal.MINIMIZE)))
LIMITED = Aims(TWO.objectives, ("latency_ms <= 5",))


@dataclass
class Told:
    id: int
    history: dict[int, dict[str, float]] = field(default_factory=dict)


def told(number: int, value: float, latency: float, epoch: int = 3) -> Told:
    return Told(number, {epoch: {"mAP": value, "latency_ms": latency}})


def front(tally: FrontTally) -> list[tuple[int, int]]:
    return [(one.trial, one.epoch) for one in tally.front]


def test_only_what_nothing_dominates_is_on_the_front_best_first() -> None:
    trials = [told(1, 0.5, 10), told(2, 0.4, 12), told(3, 0.3, 4), told(4, 0.6, 20)]

    assert front(FrontTally().count(trials, TWO, {3})) == [(4, 3), (1, 3), (3, 3)]


def test_a_trial_stands_for_its_best_rung_and_reports_between_rungs_do_not_count() -> None:
    trial = Told(1, {e: {"mAP": v, "latency_ms": 4.0} for e, v in {1: 0.2, 2: 0.9, 3: 0.5, 9: 0.4}.items()})

    assert front(FrontTally().count([trial], TWO, {1, 3, 9})) == [(1, 3)]


def test_the_front_is_the_same_whether_reports_are_counted_at_once_or_one_by_one() -> None:
    trials = [told(2, 0.5, 10), told(1, 0.5, 10), told(3, 0.7, 9), told(4, 0.7, 9)]
    one_by_one = FrontTally()
    for until in range(1, 5):
        one_by_one.count(trials[:until], TWO, {3})
    at_once = FrontTally().count(sorted(trials, key=lambda one: one.id), TWO, {3})

    assert front(one_by_one) == front(at_once) == [(3, 3)]
    assert one_by_one.hypervolume() == at_once.hypervolume()


def test_what_breaks_a_constraint_is_never_on_the_front() -> None:
    tally = FrontTally().count([told(1, 0.9, 20), told(2, 0.8, 6)], LIMITED, {3})

    assert front(tally) == []
    assert tally.best is not None
    assert tally.best.trial == 2  # the nearest
    tally.count([told(1, 0.9, 20), told(2, 0.8, 6), told(3, 0.1, 5)], LIMITED, {3})
    assert front(tally) == [(3, 3)]
    assert tally.best is not None
    assert tally.best.trial == 3


def test_hypervolume_is_a_share_of_the_box_that_the_first_trial_spans() -> None:
    tally = FrontTally().count([told(1, 0.5, 10)], TWO, {3})
    assert tally.hypervolume() == pytest.approx(0.5 * 0.5)  # 10 of twice 10 ms
    tally.count([told(1, 0.5, 10), told(2, 0.25, 5), told(3, 0.9, 30)], TWO, {3})
    assert tally.hypervolume() == pytest.approx(0.5 * 0.5 + 0.25 * 0.25)


def test_missing_and_broken_metrics_are_no_points() -> None:
    trials = [Told(1, {3: {"mAP": 0.5}}), told(2, float("nan"), 3), Told(3)]
    tally = FrontTally().count(trials, TWO, {3})

    assert (front(tally), tally.best, tally.hypervolume()) == ([], None, None)


def test_one_objective_has_no_hypervolume() -> None:
    assert FrontTally().count([told(1, 0.5, 10)], Aims((Objective(),), ("latency_ms < 20",)), {3}).hypervolume() is None
