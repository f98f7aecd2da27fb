"""Population-based training on random spaces, orders of arrival, worker counts, failures and stops."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from search_driver import Driven, created_for, drive, finish, hashed_curve, start

from orchestrator.events import Origin, StudyState, TrialStatus
from orchestrator.search import PBT, NewTrial, epochs_to_go_on_from, make_algorithm
from orchestrator.search.plan import population_plan
from orchestrator.search.score import WORST, value_at
from search_spaces.encoding import Encoder
from search_spaces.model import Choice, Float, Int, Space
from search_spaces.sampling import validate_values

GENTLE = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))

spaces = st.builds(
    lambda number, choice, conditional, constrained: Space(
        name="drawn",
        parameters={
            "LR": number,
            "KIND": choice,
            "AGAIN": Float(low=0.0, high=1.0, when={"KIND": "a"} if conditional else {}),
            "STEP": Int(low=1, high=9, step=2),
        },
        constraints=("STEP % 3 != 0",) if constrained else (),
    ),
    st.sampled_from([Float(low=1e-5, high=1e-1, log=True), Float(low=-1.0, high=1.0), Int(low=1, high=64, log=True)]),
    st.sampled_from([Choice(values=("a", "b")), Choice(values=("a", "b", "c"), ordered=True)]),
    st.booleans(),
    st.booleans(),
)
plans = st.builds(population_plan, st.sampled_from([2, 9, 16, 60]), st.just(1), st.just(3), st.integers(4, 16))


def epochs_of_places(study: Driven) -> Counter[int]:
    """Epochs that each place of the population took, its forks included, by founder."""
    spent: Counter[int] = Counter()
    for trial in study.state.trials.values():
        founder = trial
        while founder.replaces is not None:
            founder = study.state.trials[founder.replaces]
        spent[founder.id] += len(trial.history)
    return spent


@pytest.mark.slow
@GENTLE
@given(spaces, plans, st.integers(1, 6), st.integers(0, 99))
def test_without_failures_every_place_is_trained_in_full_exactly_once(space, plan, workers, seed) -> None:
    study = drive(created_for(space, plan, PBT, seed=seed, workers=workers), order=seed)

    assert study.state.epochs_spent == plan.epochs
    assert set(epochs_of_places(study).values()) == {plan.max_epochs}
    finished = [one for one in study.state.trials.values() if one.status is TrialStatus.COMPLETED]
    assert len(finished) == plan.trials
    _check_forks(study)


@pytest.mark.slow
@GENTLE
@given(spaces, plans, st.integers(1, 6), st.integers(0, 99), st.floats(0, 0.7), st.floats(0, 0.3))
def test_under_failures_and_stops_it_ends_within_its_epochs(space, plan, workers, seed, p_fail, p_stop) -> None:
    created = created_for(space, plan, PBT, seed=seed, workers=workers)
    study = drive(created, order=seed, p_fail=p_fail, p_stop=p_stop, p_nan=p_stop / 2)

    assert study.state.epochs_spent <= plan.epochs
    assert all(spent <= plan.max_epochs for spent in epochs_of_places(study).values())
    assert not any(one.status in {TrialStatus.WAITING, TrialStatus.RUNNING} for one in study.state.trials.values())
    _check_forks(study)


@pytest.mark.slow
@GENTLE
@given(plans, st.integers(2, 6), st.integers(0, 99))
def test_no_slot_is_idle_while_a_member_can_go_on(plan, workers, seed) -> None:
    """Without failures every member that rests below the top, and is not replaced, can go on at once."""
    space = Space(name="one", parameters={"LR": Float(low=0.0, high=1.0)})
    study = drive(created_for(space, plan, PBT, seed=seed, workers=workers), order=seed)
    state = StudyState()
    for entry in study.log:
        if entry.event.kind == "segment_ended" and len(state.running) < workers:
            replaced = {one.replaces for one in state.trials.values()}
            resting = [one for one in state.trials.values() if one.status is TrialStatus.RESTING]
            assert all(one.id in replaced for one in resting)
            assert sum(one.parent is None for one in state.trials.values()) == plan.trials
        state.apply(entry)


@pytest.mark.slow
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(spaces, plans, st.integers(1, 5), st.integers(0, 99), st.sampled_from([0.0, 0.1]))
def test_a_fork_never_needs_a_checkpoint_that_was_given_up(space, plan, workers, seed, p_fail) -> None:
    """After each event only what is named as needed, and the newest of each trial, is kept."""
    rng = np.random.default_rng(seed)
    study = Driven(created_for(space, plan, PBT, seed=seed, workers=workers))
    study.append(study.created)
    algorithm = make_algorithm(study.created)
    files: set[tuple[int, int]] = set()
    while True:
        while len(study.state.running) < workers and (move := algorithm.next(study.state)) is not None:
            if isinstance(move, NewTrial) and move.parent is not None:
                assert (move.parent, move.from_epoch) in files
            start(study, move)
        if not study.state.running:
            break
        segment = sorted(study.state.running)[rng.integers(len(study.state.running))]
        trial = study.state.running[segment].trial
        finish(study, segment, hashed_curve, rng, p_fail=p_fail, p_stop=0.0, p_nan=p_fail / 2)
        files |= {(trial, epoch) for epoch in study.state.trials[trial].rung_checkpoints}
        needed = epochs_to_go_on_from(study.state)
        files = {(one, epoch) for one, epoch in files if epoch in needed[one]}
    assert p_fail or not files, "nothing is needed once all are at the end"


def _check_forks(study: Driven) -> None:
    """Every fork repeats no values, comes from above the one that it replaces, and says why."""
    space, objectives = study.created.space, study.created.space.objective
    encoder = Encoder(space, study.created.base)
    replaced = Counter(one.replaces for one in study.state.trials.values() if one.replaces is not None)
    assert all(count == 1 for count in replaced.values())
    for trial in study.state.trials.values():
        assert validate_values(space, study.created.base, trial.values) == []
        assert encoder.refusal(trial.values) == ""
        if trial.parent is None:
            continue
        parent, loser = study.state.trials[trial.parent], study.state.trials[trial.replaces]
        assert trial.origin is Origin.FORK
        assert trial.from_epoch in parent.history
        assert min(trial.history, default=trial.from_epoch + 1) == trial.from_epoch + 1
        assert trial.values != parent.values
        assert value_at(parent, trial.from_epoch, objectives) > WORST
        assert loser.to_epoch == trial.from_epoch, "the loser stayed where it was"
        if loser.status is TrialStatus.RESTING:
            mine = value_at(loser, trial.from_epoch, objectives)
            assert value_at(parent, trial.from_epoch, objectives) >= mine
