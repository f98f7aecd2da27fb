from __future__ import annotations

import math
from importlib.util import find_spec

import numpy as np
import pytest

from orchestrator.events import Origin, TrialStatus
from orchestrator.search import ALGORITHMS, Advance, NewTrial, make_algorithm, make_plan
from orchestrator.search.samplers.bohb import BohbSampler
from reid_core.errors import SpaceError
from search_spaces.model import Choice, Float, Space

PLAN = make_plan(60, 7, 3, 50)
SEARCHES = [  # a grid chooses nothing: test_grid_search.py
    pytest.param(
        name, marks=[pytest.mark.skipif(not find_spec("hpbandster"), reason="the extra hpbandster is missing")]
    )
    if name == "hpbandster"
    else name
    for name in sorted(set(ALGORITHMS) - {"grid"})
]
RECIPE = {"LR": 0.003, "KIND": "a", "MARGIN": 0.3, "OTHER": 1}


def _peaked(trial, count: int, **kwargs):
    """Trials whose value is best at LR = 1e-2, on a line in the cube."""
    made = []
    for number in range(count):
        x = (number + 0.5) / count
        value = 1 - abs(x - 0.5)
        values = {"LR": 10 ** (-4 + 4 * x), "KIND": "b"}
        made.append(trial(number, {7: value}, bracket=-1, values=values, **kwargs))
    return made


@pytest.mark.parametrize("name", SEARCHES)
def test_the_recipes_own_values_come_first(name: str, created, state) -> None:
    move = make_algorithm(created(PLAN, name, RECIPE)).next(state())

    assert isinstance(move, NewTrial)
    assert move.values == {"LR": 0.003, "KIND": "a", "MARGIN": 0.3}
    assert move.origin is Origin.DEFAULT
    assert (move.bracket, move.to_epoch) == (0, 7)
    assert "recipe" in move.reason


@pytest.mark.parametrize("name", SEARCHES)
def test_priors_that_differ_from_the_recipe_come_second(name: str, created, state, trial) -> None:
    space = Space(name="s", parameters={"LR": Float(low=0.0, high=1.0, prior=0.7)})
    algorithm = make_algorithm(created(PLAN, name, {"LR": 0.2}, space=space))

    second = algorithm.next(state(trial(0, to_epoch=7, values={"LR": 0.2})))

    assert algorithm.next(state()).values == {"LR": 0.2}
    assert (second.values, second.origin) == ({"LR": 0.7}, Origin.PRIOR)


@pytest.mark.parametrize("name", SEARCHES)
def test_a_recipe_outside_the_space_is_no_first_configuration(name: str, created, state) -> None:
    move = make_algorithm(created(PLAN, name, {**RECIPE, "LR": 7.0})).next(state())

    assert move.origin is Origin.RANDOM
    assert move.values["LR"] <= 1.0


@pytest.mark.parametrize("name", SEARCHES)
def test_an_exhausted_space_repeats_rather_than_ends(name: str, created, state, trial) -> None:
    space = Space(name="tiny", parameters={"KIND": Choice(values=("a", "b"))})
    tried = [trial(n, {7: 0.1 * n}, bracket=-1, values={"KIND": "ab"[n % 2]}) for n in range(8)]

    move = make_algorithm(created(PLAN, name, space=space)).next(state(*tried))

    assert move is not None


def test_unknown_algorithms_are_refused_with_the_known_ones(created) -> None:
    with pytest.raises(SpaceError, match=r"'bhob' is not an algorithm.*known: asha, bohb"):
        make_algorithm(created(PLAN, "bhob"))


@pytest.mark.parametrize("name", SEARCHES)
def test_the_last_configuration_of_a_space_is_found(name: str, created, state, trial) -> None:
    """Two values, one constraint: only one is left, and nothing rests that could go on."""
    space = Space(name="tiny", parameters={"KIND": Choice(values=("a", "b", "c"))}, constraints=("KIND != 'c'",))
    tried = [trial(n, {7: 0.5}, to_epoch=20, values={"KIND": "a"}, status=TrialStatus.STOPPED) for n in range(5)]

    move = make_algorithm(created(PLAN, name, space=space)).next(state(*tried))

    assert move.values == {"KIND": "b"}


def test_seeds_differ(created, state) -> None:
    moves = {str(make_algorithm(created(PLAN, "random", seed=seed)).next(state())) for seed in (-1, 0, 1, 2)}

    assert len(moves) == 4


def test_bohb_suggests_near_the_good_ones(created, state, trial) -> None:
    trials = _peaked(trial, 13)
    logs = []
    for seed in range(12):
        move = make_algorithm(created(PLAN, "bohb", seed=seed)).next(state(*trials))
        assert move.origin is Origin.MODEL
        assert "times as likely among the best" in move.reason
        logs.append(math.log10(move.values["LR"]))

    assert abs(np.median(logs) + 2) < 0.5
    assert np.std(logs) < 0.9


def test_bohb_does_not_take_failed_trials_for_good_ones(created, state, trial) -> None:
    sound = trial(1, {7: 0.5}, values={"LR": 2e-3, "KIND": "b"})
    failed = [
        trial(number, values={"LR": 0.5, "KIND": "c"}, to_epoch=7, status=TrialStatus.FAILED) for number in range(2, 11)
    ]
    proposal = BohbSampler(created(PLAN, "bohb")).propose(state(sound, *failed))
    assert "times as likely among the best 1 of 10" in proposal.reason
    assert BohbSampler(created(PLAN, "bohb")).propose(state(*failed)).origin is not Origin.MODEL


def test_bohb_keeps_every_fifth_trial_random(created, state, trial) -> None:
    for count in range(10, 30):
        move = make_algorithm(created(PLAN, "bohb", RECIPE)).next(state(*_peaked(trial, count)))
        assert (move.origin is Origin.RANDOM) == (count % 5 == 4)


def test_bohb_uses_its_model_early_with_a_recipe_as_prior(created, state, trial) -> None:
    with_recipe = make_algorithm(created(PLAN, "bohb", RECIPE)).next(state(*_peaked(trial, 5)))

    assert with_recipe.origin is Origin.MODEL


def test_bohb_does_not_repeat_what_is_running(created, state, trial) -> None:
    """The second of two suggestions asked at once is another one."""
    trials = _peaked(trial, 12)
    algorithm = make_algorithm(created(PLAN, "bohb"))
    first = algorithm.next(state(*trials))
    trials.append(trial(12, to_epoch=7, values=first.values))
    second = algorithm.next(state(*trials))

    assert second.values != first.values


def test_freeze_thaw_advances_what_promises_most(created, state, trial) -> None:
    plan = make_plan(60, 7, 3, 12)
    trials = [trial(n, {7: 0.1 + 0.05 * n}, values={"LR": 10 ** (-3.9 + 0.3 * n), "KIND": "b"}) for n in range(12)]
    move = make_algorithm(created(plan, "freeze-thaw")).next(state(*trials))

    assert isinstance(move, Advance), "all twelve trials are started"
    assert (move.trial, move.to_epoch) == (11, 20)
    assert "expected improvement" in move.reason


def test_freeze_thaw_opens_where_the_model_sees_the_peak(created, state, trial) -> None:
    moves = [
        make_algorithm(created(PLAN, "freeze-thaw", seed=seed)).next(
            state(*_peaked(trial, 10, to_epoch=20, status=TrialStatus.STOPPED))
        )
        for seed in range(4)
    ]

    assert {move.origin for move in moves} == {Origin.MODEL}
    assert all(1e-3 < move.values["LR"] < 1e-1 for move in moves)


def test_freeze_thaw_lets_one_of_four_go_on_whatever_the_model_says(created, state, trial) -> None:
    trials = _peaked(trial, 8)
    algorithm = make_algorithm(created(PLAN, "freeze-thaw"))
    gone_on = []
    for _ in range(2):
        move = algorithm.next(state(*trials))
        assert isinstance(move, Advance)
        assert "which was due" in move.reason
        gone_on.append(move.trial)
        trials[move.trial].to_epoch, trials[move.trial].status = 20, TrialStatus.RUNNING

    assert set(gone_on) <= {2, 3, 4, 5}, "the best ones, in the middle"


def test_freeze_thaw_keeps_the_epochs_of_one_full_run(created, state, trial) -> None:
    """With 60 epochs for 2 trials + 20 more, it may not spend them all on the lowest rung."""
    plan = make_plan(60, 20, 3, 2)  # 80 epochs
    trials = [
        trial(0, {20: 0.5}, values={"LR": 0.1, "KIND": "b"}),
        trial(1, {20: 0.4}, values={"LR": 0.2, "KIND": "b"}),
    ]
    move = make_algorithm(created(plan, "freeze-thaw")).next(state(*trials))

    assert isinstance(move, Advance)
    assert move.to_epoch == 60
    trials[move.trial].to_epoch, trials[move.trial].status = 60, TrialStatus.RUNNING
    assert make_algorithm(created(plan, "freeze-thaw")).next(state(*trials)) is None


def test_freeze_thaw_spends_its_last_epochs_on_what_they_can_bring_to_the_end(created, state, trial) -> None:
    """Of 242 epochs 45 are left: 40 to the end for a trial on epoch 20, 53 for one on epoch 7."""
    reached = [60, 20, 20, 20] + 11 * [7]
    trials = [
        trial(
            number,
            {rung: 0.3 + 0.05 * (epoch == 7) for rung in (7, 20, 60) if rung <= epoch},
            values={"LR": 10 ** (-3.9 + 0.2 * number), "KIND": "b"},
            status=TrialStatus.COMPLETED if epoch == 60 else None,
        )
        for number, epoch in enumerate(reached)
    ]
    move = make_algorithm(created(make_plan(60, 7, 3, 12), "freeze-thaw")).next(state(*trials))

    assert isinstance(move, Advance)
    assert (move.trial in {1, 2, 3}, move.to_epoch) == (True, 60)


@pytest.mark.slow
@pytest.mark.parametrize("name", SEARCHES)
def test_a_question_at_ten_thousand_trials_takes_milliseconds(name: str, created, state, trial) -> None:
    import time

    rng = np.random.default_rng(0)
    plan = make_plan(60, 7, 3, 11_000)
    trials = []
    for bracket, shape in enumerate(plan.brackets):
        for _ in range(shape.sizes[0]):
            values = {"LR": 10 ** float(rng.uniform(-4, 0)), "KIND": "b"}
            curve = {rung: float(rng.random()) for rung in plan.rungs[: 1 + plan.rungs.index(shape.rungs[0])]}
            trials.append(trial(len(trials), curve, bracket=bracket, values=values))
    algorithm = make_algorithm(created(plan, name))
    study = state(*trials[:10_000])
    algorithm.next(study)
    begun = time.process_time()
    algorithm.next(study)

    assert time.process_time() - begun < 0.5, "ten times the budget, for a crowded machine"
