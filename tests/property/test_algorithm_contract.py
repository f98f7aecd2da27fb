"""What every algorithm of the registry promises, on any workers, any order of arrival, with failures and stops."""

from __future__ import annotations

import importlib.util

import pytest
from search_driver import Driven, created_for, drive

from orchestrator.events import StudyState, TrialStatus
from orchestrator.search import ALGORITHMS, SCHEDULES, Advance, lay_out, make_algorithm
from search_spaces.model import Choice, Float, Int, Space
from search_spaces.sampling import validate_values

EXTRA = pytest.mark.skipif(importlib.util.find_spec("hpbandster") is None, reason="the extra hpbandster is missing")
NAMES = [pytest.param(name, marks=EXTRA) if name == "hpbandster" else name for name in ALGORITHMS]
SAMPLED = [
    pytest.param(name, schedule, marks=EXTRA if name == "hpbandster" else ())
    for name, listed in ALGORITHMS.items()
    if listed.schedule and name != "gp"  # takes a second a question, and its own schedule is tested
    for schedule in SCHEDULES
]
SPACE = Space(
    name="conditional",
    parameters={
        "LR": Float(low=1e-5, high=1e-1, log=True),
        "DECAY": Float(low=-1.0, high=1.0),
        "KIND": Choice(values=("a", "b", "c")),
        "SHAPE": Choice(values=([1, 1], [2, 1], [2, 2]), ordered=True),
        "MARGIN": Float(low=0.0, high=1.0, when={"KIND": ["a", "c"]}),
        "STEP": Int(low=1, high=9, step=2),
    },
    constraints=("STEP % 3 != 0",),
)
LISTED = Space(
    name="listed",
    parameters={"KIND": Choice(values=("a", "b", "c")), "STEP": Int(low=1, high=9, step=2, grid=(1, 3, 5, 9))},
    constraints=("STEP % 3 != 0",),
)
BASE = {"LR": 1e-3, "DECAY": 0.1, "KIND": "a", "SHAPE": [1, 1], "MARGIN": 0.3, "STEP": 5}


def _created(name: str, schedule: str = "", *, workers: int = 1, seed: int = 0, trials: int = 13):
    space = LISTED if name == "grid" else SPACE
    plan = lay_out(name, schedule, max_epochs=20, min_epochs=2, eta=3, trials=6 if name == "grid" else trials)
    created = created_for(space, plan, name, workers=workers, seed=seed, base=BASE)
    return created.model_copy(update={"schedule": schedule})


def _check(study: Driven) -> None:
    created, trials = study.created, study.state.trials.values()
    assert study.state.epochs_spent <= created.plan.epochs
    assert {trial.status for trial in trials}.isdisjoint({TrialStatus.WAITING, TrialStatus.RUNNING})
    for trial in trials:
        assert validate_values(created.space, created.base, trial.values) == []
        assert trial.reason
    for _, move in study.moves:
        assert move.to_epoch in created.plan.rungs
        assert move.reason
        if isinstance(move, Advance):
            assert move.to_epoch > next(epoch for epoch in (*reversed(created.plan.rungs), 0) if epoch < move.to_epoch)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("name", NAMES)
def test_all_trials_end_within_the_budget_and_the_space(name: str, workers: int) -> None:
    study = drive(_created(name, workers=workers))

    _check(study)
    assert len(study.state.trials) >= 6
    assert max(trial.epoch for trial in study.state.trials.values()) == 20, "somebody runs in full"


@pytest.mark.slow
@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("name", NAMES)
def test_it_ends_within_the_budget_under_failures_and_stops(name: str, order: int) -> None:
    _check(drive(_created(name, workers=4, seed=order), order=order, p_fail=0.2, p_stop=0.1, p_nan=0.1))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_it_ends_when_everything_fails(name: str) -> None:
    study = drive(_created(name, workers=2), p_fail=1.0)

    _check(study)
    assert not any(isinstance(move, Advance) for _, move in study.moves)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_move_depends_on_the_state_alone(name: str) -> None:
    """A fresh algorithm, and a used one asked out of order, answer as the one that saw the study grow."""
    study = drive(_created(name, workers=3), order=3, p_fail=0.1, p_stop=0.05)
    used = make_algorithm(study.created)

    for index in (len(study.moves) - 1, len(study.moves) // 2, len(study.moves) - 2):
        seq, move = study.moves[index]
        state = StudyState()
        for entry in study.log[:seq]:
            state.apply(entry)
        assert make_algorithm(study.created).next(state) == move
        assert used.next(state) == move


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NAMES if name != "grid"])
def test_seeds_give_other_configurations(name: str) -> None:
    studies = [drive(_created(name, seed=seed, trials=6)) for seed in (1, 2)]

    first, second = ([trial.values for trial in study.state.trials.values()] for study in studies)
    assert first[0] == second[0], "the recipe's own"
    assert first != second


@pytest.mark.slow
@pytest.mark.parametrize(("name", "schedule"), SAMPLED)
def test_every_sampler_runs_on_every_schedule(name: str, schedule: str) -> None:
    study = drive(_created(name, schedule, workers=2), order=1, p_fail=0.1)

    _check(study)
    assert len(study.state.trials) == 13, "no trial is lost"
