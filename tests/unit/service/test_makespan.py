"""How long a plan takes: segments laid over slots, with what each costs besides its epochs."""

from __future__ import annotations

import pytest

from orchestrator.search import full_runs, make_plan
from orchestrator.service.makespan import Costs, makespan, segments_of


def test_one_slot_takes_every_epoch_and_the_start_of_every_segment():
    plan = make_plan(60, 7, 3, 12)  # 9 -> 3 -> 1 and 3 -> 1: 242 epochs, 17 segments
    assert segments_of(plan) == 17
    assert makespan(plan, 1, Costs(2.0)) == pytest.approx(2.0 * plan.epochs)
    assert makespan(plan, 1, Costs(2.0, 0.5, 7.0)) == pytest.approx(2.0 * plan.epochs + 17 * 0.5 + 7.0)


def test_full_runs_go_round_after_round():
    assert makespan(full_runs(10, 3, 5), 2, Costs(1.0)) == pytest.approx(30.0)


def test_slots_that_wait_for_a_rung_make_it_longer_than_its_share():
    plan = make_plan(9, 1, 3, 9)  # 9 trials to epoch 1, 3 on to 3, 1 on to 9
    assert makespan(plan, 9, Costs(1.0)) == pytest.approx(1 + 2 + 6)
    assert makespan(plan, 2, Costs(1.0)) > plan.epochs / 2


def test_a_later_bracket_fills_the_wait_of_an_earlier_one():
    both = make_plan(9, 1, 3, 12)
    assert makespan(both, 3, Costs(1.0)) < makespan(make_plan(9, 1, 3, 9), 3, Costs(1.0)) + makespan(
        make_plan(9, 3, 3, 3), 3, Costs(1.0)
    )


def test_repetitions_come_after_everything_else():
    plan = full_runs(10, 3, 4)
    assert makespan(plan, 2, Costs(1.0, 1.0), 3) == pytest.approx(makespan(plan, 2, Costs(1.0, 1.0)) + 22.0)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 4, 64])
def test_a_large_plan_is_laid_out_quickly_and_within_its_bounds(workers):
    plan = make_plan(60, 7, 3, 3000)
    found = makespan(plan, workers, Costs(1.0))
    assert plan.epochs / workers <= found + 1e-6
    assert found <= plan.epochs / workers + 3 * 60
