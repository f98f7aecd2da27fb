"""The rules of the schedules, by hand-made states, and the plans that go with them."""

from __future__ import annotations

from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.events import Bracket, Plan, TrialStatus
from orchestrator.search import ALGORITHMS, SCHEDULES, Advance, check_algorithm, lay_out, lay_out_epochs, make_algorithm
from orchestrator.search.schedules.asha import next_in_asha
from orchestrator.search.schedules.brackets import Opening
from orchestrator.search.schedules.median import median_without, next_by_median, running_average
from reid_core.errors import SpaceError
from search_spaces.model import SCHEDULES as NAMES
from search_spaces.model import Objective

MAP = (Objective(metric="mAP"),)
LOSS = (Objective(metric="mAP", goal="minimize"),)
SIZES = {"max_epochs": 60, "min_epochs": 7, "eta": 3}
ASHA = lay_out("asha", "", **SIZES, trials=12)
MEDIAN = Plan(max_epochs=4, min_epochs=1, eta=2, rungs=(1, 2, 4), brackets=(Bracket(rungs=(1, 2, 4), sizes=(9, 9, 9)),))


def test_the_names_of_the_space_grammar_are_the_schedules() -> None:
    assert tuple(SCHEDULES) == NAMES


@pytest.mark.parametrize(
    ("schedule", "brackets", "epochs"),
    [
        ("full", [((60,), (12,))], 720),
        ("hyperband", [((7, 20, 60), (9, 3, 1)), ((20, 60), (3, 1))], 242),
        ("successive-halving", [((7, 20, 60), (9, 3, 1)), ((7, 20, 60), (3, 1, 1))], 216),
        ("asha", [((7, 20, 60), (12, 4, 2))], 216),
        ("median", [((7, 20, 60), (12, 12, 12))], 720),
    ],
)
def test_a_schedule_lays_out_its_plan(schedule: str, brackets, epochs: int) -> None:
    plan = lay_out("tpe", schedule, **SIZES, trials=12)

    assert [(bracket.rungs, bracket.sizes) for bracket in plan.brackets] == brackets
    assert (plan.trials, plan.epochs) == (12, epochs)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("epochs", [60, 61, 242, 1000])
def test_epochs_pay_for_as_many_trials_as_fit(schedule: str, epochs: int) -> None:
    plan = lay_out_epochs("random", schedule, **SIZES, epochs=epochs)

    assert plan.epochs <= epochs
    if schedule != "hyperband":  # its last bracket takes what is left
        assert lay_out("random", schedule, **SIZES, trials=plan.trials + 1).epochs > epochs


def test_fewer_epochs_than_a_full_run_are_refused() -> None:
    with pytest.raises(SpaceError, match="59 epochs do not pay for one full run of 60"):
        lay_out_epochs("random", "full", **SIZES, epochs=59)


@pytest.mark.parametrize("name", [name for name, listed in ALGORITHMS.items() if not listed.schedule])
def test_a_whole_algorithm_takes_no_schedule(name: str, created) -> None:
    with pytest.raises(SpaceError, match=f"{name} decides by itself how long trials train"):
        check_algorithm(name, "asha", created(ASHA, name).space)


def test_an_unknown_schedule_is_refused_with_the_known_ones(created) -> None:
    study = created(ASHA, "tpe").model_copy(update={"schedule": "ashe"})

    with pytest.raises(SpaceError, match=r"'ashe' is not a schedule.*known: full, hyperband"):
        make_algorithm(study)


def test_asha_promotes_the_top_third_as_soon_as_there_is_one(state, trial) -> None:
    """Two results: nobody is in the top third yet, so a new trial starts; three: the best goes on at once."""
    two = [trial(0, {7: 0.3}), trial(1, {7: 0.5}), trial(2, to_epoch=7)]
    three = [*two[:2], trial(2, {7: 0.4})]

    assert next_in_asha(ASHA, state(*two), MAP) == Opening(0, 7)
    move = next_in_asha(ASHA, state(*three), MAP)
    assert isinstance(move, Advance)
    assert (move.trial, move.to_epoch) == (1, 20)
    assert move.reason == "promoted: in the top 1 of 3 results at epoch 7, number 1 with mAP 0.500"


def test_asha_does_not_wait_for_results_that_are_out(state, trial) -> None:
    trials = [trial(0, {7: 0.5}, to_epoch=20), trial(1, {7: 0.3}), trial(2, {7: 0.4})]
    running = [trial(number, to_epoch=7) for number in range(3, 6)]

    assert next_in_asha(ASHA, state(*trials, *running), MAP) == Opening(0, 7)


def test_asha_promotes_a_newcomer_to_the_top_before_the_older_second(state, trial) -> None:
    trials = [trial(0, {7: 0.5}, to_epoch=20), *(trial(n, {7: 0.1 * n}) for n in range(1, 5)), trial(5, {7: 0.9})]

    move = next_in_asha(ASHA, state(*trials), MAP)

    assert (move.trial, move.to_epoch) == (5, 20), "of six results two are in the top third: 5 and 0"


def test_asha_never_lets_more_than_a_third_of_the_results_go_on(state, trial) -> None:
    """Trial 3 is the best of four, but one of four has gone on."""
    trials = [trial(0, {7: 0.5}, to_epoch=20), trial(1, {7: 0.3}), trial(2, {7: 0.4}), trial(3, {7: 0.9})]

    assert next_in_asha(ASHA, state(*trials), MAP) == Opening(0, 7)


def test_asha_looks_at_the_highest_rung_first(state, trial) -> None:
    upper = [trial(n, {7: 0.5, 20: 0.5 + 0.1 * n}) for n in range(3)]
    lower = [trial(n, {7: 0.4 + 0.01 * n}) for n in range(3, 12)]

    move = next_in_asha(ASHA, state(*upper, *lower), MAP)

    assert (move.trial, move.to_epoch) == (2, 60)


def test_asha_gives_the_last_places_when_no_more_results_can_come(state, trial) -> None:
    """5 trials have room for 2 on the second rung and 1 on the last: the top third of 2 would be nobody."""
    plan = lay_out("asha", "", **SIZES, trials=5)
    here = [trial(n, {7: 0.1 * n}) for n in range(3)]
    up = [trial(3, {7: 0.5, 20: 0.6}), trial(4, {7: 0.6, 20: 0.55})]

    assert plan.brackets[0].sizes == (5, 2, 1)
    assert next_in_asha(plan, state(*here, *up), MAP).trial == 3
    up[0].to_epoch, up[0].status = 60, TrialStatus.RUNNING
    assert next_in_asha(plan, state(*here, *up), MAP) is None


def test_asha_counts_failed_trials_as_the_worst_results(state, trial) -> None:
    trials = [trial(0, {7: 0.3}), *(trial(n, to_epoch=7, status=TrialStatus.FAILED) for n in (1, 2))]

    assert next_in_asha(ASHA, state(*trials), MAP).trial == 0
    stopped = [trial(0, {7: 0.3}), *(trial(n, to_epoch=7, status=TrialStatus.STOPPED) for n in (1, 2))]
    assert next_in_asha(ASHA, state(*stopped), MAP) == Opening(0, 7), "stopped ones are no results"


def test_a_running_average_is_the_mean_of_all_reports_up_to_the_epoch(trial) -> None:
    one = trial(0, {1: 0.1, 2: 0.2, 3: 0.6, 4: 0.9})

    assert running_average(one, 3, MAP) == pytest.approx(0.3)
    assert running_average(one, 3, LOSS) == pytest.approx(-0.3)
    assert running_average(one, 5, MAP) == -float("inf"), "not reported"


def test_median_stops_a_trial_whose_best_is_below_the_median_of_the_others_averages(state, trial) -> None:
    """At epoch 2 the averages of the others are 0.3, 0.4 and 0.5: the median is 0.4."""
    others = [
        trial(number, {1: low, 2: high, 3: high, 4: high}, status=TrialStatus.COMPLETED)
        for number, (low, high) in enumerate([(0.2, 0.4), (0.3, 0.5), (0.4, 0.6)])
    ]
    below, at, fallen = trial(3, {1: 0.1, 2: 0.399}), trial(3, {1: 0.1, 2: 0.4}), trial(3, {1: 0.45, 2: 0.1})

    assert next_by_median(MEDIAN, state(*others, below), MAP) == Opening(0, 1)
    move = next_by_median(MEDIAN, state(*others, at), MAP)
    assert (move.trial, move.to_epoch) == (3, 4)
    assert "mAP 0.400, its best up to epoch 2, is not below the median" in move.reason
    assert "of 3 others (mAP 0.400)" in move.reason
    assert next_by_median(MEDIAN, state(*others, fallen), MAP).trial == 3, "its best so far counts, not its last"


def test_median_of_a_metric_that_is_minimised(state, trial) -> None:
    others = [trial(number, {1: value}, to_epoch=2) for number, value in enumerate([0.2, 0.4, 0.6])]

    assert next_by_median(MEDIAN, state(*others, trial(3, {1: 0.5})), LOSS) == Opening(0, 1)
    assert next_by_median(MEDIAN, state(*others, trial(3, {1: 0.3})), LOSS).trial == 3


def test_median_lets_the_first_trial_go_on(state, trial) -> None:
    move = next_by_median(MEDIAN, state(trial(0, {1: 0.1})), MAP)

    assert (move.trial, move.to_epoch, move.reason) == (0, 2, "goes on: nobody else has reached epoch 1")


def test_median_never_advances_what_failed_or_has_no_value(state, trial) -> None:
    full = [trial(number, {1: 0.5}, status=TrialStatus.STOPPED) for number in range(7)]
    broken = [trial(7, {1: float("nan")}), trial(8, to_epoch=1, status=TrialStatus.FAILED)]

    assert next_by_median(MEDIAN, state(*full, *broken), MAP) is None


@pytest.mark.slow
@given(st.lists(st.floats(0, 1) | st.just(float("-inf")), min_size=2, max_size=9), st.data())
def test_the_median_of_the_others_is_that_of_the_list_without_one(numbers, data) -> None:
    own = data.draw(st.sampled_from(numbers))
    others = list(numbers)
    others.remove(own)
    assert median_without(sorted(numbers), own) == median(others)
