"""Who is confirmed is settled once a repetition has begun: trials that complete later cost nothing beyond the plan."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.events import TrialStatus
from orchestrator.search import NewTrial, lay_out, make_algorithm
from orchestrator.search.confirm import confirmed, finalists, repetitions

PLAN = lay_out("random", "", max_epochs=9, min_epochs=9, eta=3, trials=4)


@pytest.fixture
def study(created):
    return created(PLAN, "random").model_copy(update={"confirm": 2})


def full(trial, number: int, value: float, **changes):
    return replace(trial(number, {9: value}, status=TrialStatus.COMPLETED), **changes)


def searched(trial):
    """Three trials in full, the best first, and a failed one."""
    return [
        *(full(trial, number, 0.7 - 0.1 * number) for number in range(3)),
        trial(3, to_epoch=9, status=TrialStatus.FAILED),
    ]


def confirm_to_the_end(study, state, trial, trials, retried_after: int) -> list[tuple[int | None, int | None]]:
    """(finalist, seed) of every repetition; the failed trial is retried and turns out the best after so many."""
    asked, repeats = make_algorithm(study), []
    while (move := asked.next(state(*trials))) is not None:
        assert isinstance(move, NewTrial)
        repeats.append((move.confirms, move.seed))
        trials.append(full(trial, len(trials), 0.5, confirms=move.confirms, seed=move.seed, bracket=-1))
        if len(repeats) == retried_after:
            trials[3] = full(trial, 3, 0.9)
        assert len(repeats) <= 6
    return repeats


@pytest.mark.parametrize("retried_after", [3, 4, 6])
def test_a_trial_that_completes_while_finalists_are_confirmed_becomes_none(study, state, trial, retried_after) -> None:
    trials = searched(trial)
    repeats = confirm_to_the_end(study, state, trial, trials, retried_after)

    assert repeats == [(number, seed) for seed in (4, 5) for number in (0, 1, 2)]
    assert [one.id for one in finalists(state(*trials), study)] == [0, 1, 2]
    whole = state(*trials)
    whole.created = study
    assert [one.trial for one in confirmed(whole)] == [0, 1, 2]


@pytest.mark.parametrize("retried_after", range(1, 7))
def test_there_are_never_more_repetitions_than_the_plan_has(study, state, trial, retried_after) -> None:
    trials = searched(trial)
    repeats = confirm_to_the_end(study, state, trial, trials, retried_after)

    assert len(repeats) == repetitions(study) == repetitions(study, state(*trials)) == 6
    assert repeats[0] == (0, 4), "who was repeated stays a finalist"
    assert (0, 5) in repeats


def test_of_two_finalists_none_joins_after_the_first_seed(study, state, trial) -> None:
    trials = [full(trial, 0, 0.7), full(trial, 1, 0.6), trial(2, to_epoch=9, status=TrialStatus.STOPPED)]
    for seed in (4, 5):
        for number in (0, 1):
            trials.append(full(trial, len(trials), 0.5, confirms=number, seed=seed, bracket=-1))
    trials[2] = full(trial, 2, 0.9)

    assert [one.id for one in finalists(state(*trials), study)] == [0, 1]
