from __future__ import annotations

import pytest

from orchestrator.search import (
    MOST_TRIALS,
    SCHEDULES,
    describe_plan,
    lay_out_epochs,
    make_plan,
    plan_for_epochs,
    scale_min_epochs,
)
from reid_core.errors import SpaceError


def _sizes(trials: int, max_epochs: int = 60, min_epochs: int = 7) -> list[tuple[int, ...]]:
    return [bracket.sizes for bracket in make_plan(max_epochs, min_epochs, 3, trials).brackets]


def test_twelve_trials_cost_242_epochs_instead_of_720() -> None:
    plan = make_plan(60, 7, 3, 12)

    assert [(b.sizes, b.rungs) for b in plan.brackets] == [((9, 3, 1), (7, 20, 60)), ((3, 1), (20, 60))]
    assert (plan.epochs, plan.full_epochs) == (242, 720)


def test_one_trial_is_one_full_run() -> None:
    assert _sizes(1) == [(1,)]
    assert make_plan(60, 7, 3, 1).epochs == 60


def test_two_trials_meet_on_the_second_highest_rung() -> None:
    plan = make_plan(60, 7, 3, 2)

    assert [(b.sizes, b.rungs) for b in plan.brackets] == [((2, 1), (20, 60))]


def test_five_trials_climb_one_deep_bracket() -> None:
    assert _sizes(5) == [(5, 2, 1)]


def test_fifty_trials_cycle_through_the_brackets() -> None:
    assert _sizes(50) == [(9, 3, 1), (3, 1), (1,)] * 3 + [(9, 3, 1), (2, 1)]


def test_a_thousand_trials_cost_well_under_half() -> None:
    plan = make_plan(60, 7, 3, 1000)

    assert plan.trials == 1000
    assert plan.epochs < 0.4 * plan.full_epochs


def test_one_epoch_leaves_one_rung_and_full_runs() -> None:
    plan = make_plan(1, 1, 3, 12)

    assert plan.rungs == (1,)
    assert plan.epochs == 12


def test_min_epochs_above_a_third_leaves_one_rung() -> None:
    assert make_plan(9, 7, 3, 4).rungs == (9,)


@pytest.mark.parametrize(
    ("max_epochs", "expected"), [(9, (1, 3, 9)), (30, (3, 10, 30)), (52, (6, 17, 52)), (5, (1, 2, 5))]
)
def test_fewer_epochs_keep_the_catalogs_three_rungs(max_epochs: int, expected: tuple[int, ...]) -> None:
    assert make_plan(max_epochs, scale_min_epochs(7, 60, max_epochs), 3, 12).rungs == expected


def test_more_epochs_keep_the_lowest_rung() -> None:
    assert scale_min_epochs(7, 60, 180) == 7


def test_epochs_are_spent_bracket_by_bracket() -> None:
    plan = plan_for_epochs(60, 7, 3, 242)

    assert [b.sizes for b in plan.brackets] == [(9, 3, 1), (3, 1)]
    assert plan_for_epochs(60, 7, 3, 241).epochs <= 241
    assert plan_for_epochs(60, 7, 3, 60).brackets[0].sizes == (1,)


def test_epochs_for_less_than_one_run_are_refused() -> None:
    with pytest.raises(SpaceError, match="59 epochs do not pay"):
        plan_for_epochs(60, 7, 3, 59)


def test_every_bad_number_is_named() -> None:
    with pytest.raises(SpaceError) as caught:
        make_plan(0, 1, 1, 0)

    assert [finding.key for finding in caught.value.findings] == ["max_epochs", "eta", "trials"]


def test_min_above_max_is_refused() -> None:
    with pytest.raises(SpaceError, match=r"min_epochs \(7\) is above max_epochs \(3\)"):
        make_plan(3, 7, 3, 12)


def test_rows_add_up_to_the_plan() -> None:
    plan = make_plan(60, 7, 3, 12)
    rows = describe_plan(plan)

    assert [(row.bracket, row.rung, row.trials, row.promoted, row.epochs) for row in rows] == [
        (1, 7, 9, 3, 63),
        (1, 20, 3, 1, 39),
        (1, 60, 1, 0, 40),
        (2, 20, 3, 1, 60),
        (2, 60, 1, 0, 40),
    ]
    assert sum(row.epochs for row in rows) == plan.epochs
    assert sum(row.full_runs for row in rows) == pytest.approx(242 / 60)


@pytest.mark.slow
def test_a_mistyped_number_of_trials_is_an_error_and_takes_no_time() -> None:
    with pytest.raises(SpaceError, match=rf"give at most {MOST_TRIALS}"):
        make_plan(60, 7, 3, 10**12)
    assert make_plan(60, 7, 3, MOST_TRIALS).trials == MOST_TRIALS


@pytest.mark.slow
@pytest.mark.parametrize("schedule", sorted(SCHEDULES))
def test_no_number_of_epochs_plans_more_trials_than_a_study_holds(schedule) -> None:
    plan = lay_out_epochs("random", schedule, max_epochs=60, min_epochs=7, eta=3, epochs=10**15)
    assert MOST_TRIALS - 9 <= plan.trials <= MOST_TRIALS
