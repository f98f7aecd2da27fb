from __future__ import annotations

import pytest

from orchestrator.events import TrialStatus
from orchestrator.search import Advance, make_plan
from orchestrator.search.schedules.brackets import Opening, next_in_brackets
from search_spaces.model import Goal, Objective

PLAN = make_plan(60, 7, 3, 12)
MAP = (Objective(),)


def _nine(trial, values, **overrides):
    """Nine trials of bracket 0 at epoch 7 with these values; `overrides` replaces single ones."""
    made = {number: trial(number, {7: value}) for number, value in enumerate(values)}
    made.update({int(name[1:]): each for name, each in overrides.items()})
    return [made[number] for number in sorted(made)]


def test_a_study_opens_in_the_first_bracket(state) -> None:
    assert next_in_brackets(PLAN, state(), MAP) == Opening(0, 7)


def test_the_best_three_of_nine_go_on_in_order(trial, state) -> None:
    trials = _nine(trial, [0.1, 0.9, 0.2, 0.8, 0.3, 0.7, 0.4, 0.5, 0.6])
    order = []
    for _ in range(3):
        move = next_in_brackets(PLAN, state(*trials), MAP)
        assert isinstance(move, Advance)
        order.append(move.trial)
        trials[move.trial].to_epoch, trials[move.trial].status = 20, TrialStatus.RUNNING

    assert order == [1, 3, 5]
    assert move.reason == "promoted: among the best 3 of 9 at epoch 7, number 3 with mAP 0.700"
    assert next_in_brackets(PLAN, state(*trials), MAP) == Opening(1, 20), "the next bracket fills the free slot"


def test_a_certain_winner_does_not_wait_for_the_last_two(trial, state) -> None:
    running = {"t7": trial(7, to_epoch=7), "t8": trial(8, to_epoch=7)}
    trials = _nine(trial, [0.1, 0.9, 0.2, 0.8, 0.3, 0.7, 0.4], **running)

    assert next_in_brackets(PLAN, state(*trials), MAP).trial == 1
    trials[1].to_epoch, trials[1].status = 20, TrialStatus.RUNNING
    assert next_in_brackets(PLAN, state(*trials), MAP) == Opening(1, 20), "number 2 is not certain yet"


def test_nothing_is_promoted_early_when_it_could_be_overtaken(trial, state) -> None:
    running = {f"t{number}": trial(number, to_epoch=7) for number in (6, 7, 8)}
    trials = _nine(trial, [0.1, 0.9, 0.2, 0.8, 0.3, 0.7], **running)

    assert next_in_brackets(PLAN, state(*trials), MAP) == Opening(1, 20)


def test_failed_and_nan_trials_are_never_promoted(trial, state) -> None:
    trials = _nine(
        trial,
        [0.1, float("nan")],
        **{f"t{number}": trial(number, to_epoch=7, status=TrialStatus.FAILED) for number in range(2, 9)},
    )

    move = next_in_brackets(PLAN, state(*trials), MAP)
    assert move.trial == 0
    trials[0].to_epoch, trials[0].status = 20, TrialStatus.RUNNING
    assert next_in_brackets(PLAN, state(*trials), MAP) == Opening(1, 20)


def test_a_bracket_of_failures_does_not_stop_the_study(trial, state) -> None:
    dead = [trial(number, to_epoch=7, status=TrialStatus.FAILED) for number in range(9)]
    later = [trial(number, to_epoch=20, bracket=1, status=TrialStatus.FAILED) for number in range(9, 12)]

    assert next_in_brackets(PLAN, state(*dead), MAP) == Opening(1, 20)
    assert next_in_brackets(PLAN, state(*dead, *later), MAP) is None


def test_fewer_candidates_than_places_still_reach_the_top(trial, state) -> None:
    """Two survivors are promoted to epoch 20, the better of them to 60."""
    dead = {f"t{number}": trial(number, to_epoch=7, status=TrialStatus.FAILED) for number in range(2, 9)}
    trials = _nine(trial, [0.2, 0.3], **dead)
    trials[0] = trial(0, {7: 0.2, 20: 0.5})
    trials[1] = trial(1, {7: 0.3, 20: 0.4})

    assert next_in_brackets(PLAN, state(*trials), MAP) == Advance(
        0, 60, "promoted: among the best 1 of 2 at epoch 20, number 1 with mAP 0.500"
    )


def test_a_stopped_trial_leaves_the_competition(trial, state) -> None:
    trials = _nine(trial, [0.1, 0.9, 0.2, 0.8, 0.3, 0.7, 0.4, 0.5, 0.6])
    trials[1].status = TrialStatus.STOPPED

    assert next_in_brackets(PLAN, state(*trials), MAP).trial == 3


def test_an_interrupted_winner_is_waited_for(trial, state) -> None:
    """Its result is in, its segment is not over: it can neither be advanced nor replaced."""
    trials = _nine(trial, [0.9] + [0.1] * 8)
    trials[0].status = TrialStatus.WAITING
    for number in (1, 2):
        trials[number].to_epoch, trials[number].status = 20, TrialStatus.RUNNING
    started = [trial(number, to_epoch=20, bracket=1) for number in range(9, 12)]

    assert next_in_brackets(PLAN, state(*trials, *started), MAP) is None


def test_a_minimised_objective_promotes_the_lowest(trial, state) -> None:
    trials = _nine(trial, [0.1, 0.9, 0.2, 0.8, 0.3, 0.7, 0.4, 0.5, 0.6])
    move = next_in_brackets(PLAN, state(*trials), (Objective(metric="mAP", goal=Goal.MINIMIZE),))

    assert move.trial == 0
    assert move.reason.endswith("mAP 0.100")


def test_ties_go_to_the_older_trial(trial, state) -> None:
    assert next_in_brackets(PLAN, state(*_nine(trial, [0.5] * 9)), MAP).trial == 0


@pytest.mark.parametrize("bracket", [-1, 7])
def test_a_trial_outside_the_plan_takes_no_place(trial, state, bracket: int) -> None:
    assert next_in_brackets(PLAN, state(trial(0, {7: 0.9}, bracket=bracket)), MAP) == Opening(0, 7)


def test_a_trial_promoted_by_hand_to_the_top_leaves_the_other_places_to_the_best(trial, state) -> None:
    first = trial(0, {7: 0.1, 20: 0.1, 60: 0.1})
    trials = _nine(trial, [0.1, 0.9, 0.2, 0.8, 0.3, 0.7, 0.4, 0.5, 0.6], t0=first)
    moves = []
    while isinstance(move := next_in_brackets(PLAN, state(*trials), MAP), Advance):
        moves.append((move.trial, move.to_epoch))
        trials[move.trial].to_epoch, trials[move.trial].status = move.to_epoch, TrialStatus.RUNNING

    assert moves == [(1, 20), (3, 20)], "one of the three places is taken, and the one above too"
