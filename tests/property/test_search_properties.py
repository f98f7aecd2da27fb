"""Every algorithm, on random spaces, plans, worker counts, orders of arrival, failures and stops."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from search_driver import Driven, created_for, drive

from orchestrator.events import Origin, Plan, StudyState, TrialState, TrialStatus
from orchestrator.search import ALGORITHMS, Advance, make_algorithm, make_plan, plan_for_epochs
from orchestrator.search.score import WORST, value_at
from search_spaces.encoding import Encoder
from search_spaces.model import Choice, Float, Int, Space
from search_spaces.sampling import validate_values

BRACKETED = ["bohb", "random"]
SEARCHES = sorted(set(ALGORITHMS) - {"grid", "gp", "hpbandster"})  # slow, and an extra: test_algorithm_contract.py
GENTLE = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))

spaces = st.builds(
    lambda numbers, choice, conditional, constrained: Space(
        name="drawn",
        parameters={
            **numbers,
            "KIND": choice,
            "AGAIN": Float(low=0.0, high=1.0, when={"KIND": "a"} if conditional else {}),
            "STEP": Int(low=1, high=9, step=2),
        },
        constraints=("STEP % 3 != 0",) if constrained else (),
    ),
    st.dictionaries(
        st.sampled_from(["LR", "DECAY", "MARGIN"]),
        st.sampled_from(
            [Float(low=1e-5, high=1e-1, log=True), Float(low=-1.0, high=1.0), Int(low=1, high=64, log=True)]
        ),
        max_size=3,
    ),
    st.sampled_from([Choice(values=("a", "b")), Choice(values=("a", "b", "c"), ordered=True)]),
    st.booleans(),
    st.booleans(),
)


@st.composite
def plans(draw: st.DrawFn, most_trials: int = 30) -> Plan:
    max_epochs = draw(st.sampled_from([1, 2, 4, 9, 20, 60]))
    return make_plan(
        max_epochs,
        draw(st.integers(1, max_epochs)),
        draw(st.integers(2, 4)),
        draw(st.integers(1, most_trials)),
    )


base = st.sampled_from([{}, {"LR": 1e-3, "DECAY": 0.01, "MARGIN": 0.05, "KIND": "a", "AGAIN": 0.5, "STEP": 5}])


@GENTLE
@given(st.integers(1, 200), st.integers(1, 100), st.integers(2, 5), st.integers(1, 300))
def test_a_plan_uses_exactly_its_trials_on_one_grid(low: int, extra: int, eta: int, trials: int) -> None:
    plan = make_plan(low + extra, low, eta, trials)

    assert plan.trials == trials
    assert plan.epochs <= plan.full_epochs
    assert plan.rungs[-1] == low + extra
    assert list(plan.rungs) == sorted(set(plan.rungs))
    assert plan.rungs[0] >= low
    for bracket in plan.brackets:
        assert bracket.rungs == plan.rungs[-len(bracket.rungs) :]
        assert bracket.sizes[-1] == 1 or len(plan.rungs) == len(bracket.rungs)
        assert all(low_size >= high_size for low_size, high_size in zip(bracket.sizes, bracket.sizes[1:], strict=False))


@GENTLE
@given(st.integers(1, 100), st.integers(2, 5), st.integers(1, 3000))
def test_a_plan_for_epochs_never_costs_more(max_epochs: int, eta: int, extra: int) -> None:
    plan = plan_for_epochs(max_epochs, 1, eta, max_epochs + extra)

    assert plan.epochs <= max_epochs + extra
    assert make_plan(max_epochs, 1, eta, 1).epochs + plan.epochs > extra, "room for a full run was left"


@GENTLE
@given(spaces, plans(), st.sampled_from(BRACKETED), st.integers(1, 5), st.integers(0, 99), base)
def test_without_failures_the_whole_plan_is_spent(space, plan, name, workers, seed, base) -> None:
    study = drive(created_for(space, plan, name, seed=seed, workers=workers, base=base), order=seed)

    assert len(study.state.trials) == plan.trials
    assert study.state.epochs_spent == plan.epochs
    for index, bracket in enumerate(plan.brackets):
        members = [trial for trial in study.state.trials.values() if trial.bracket == index]
        assert [sum(t.epoch >= rung for t in members) for rung in bracket.rungs] == list(bracket.sizes)
    _check_promotions(study)
    _check_configurations(study)


@GENTLE
@given(
    spaces,
    plans(),
    st.sampled_from(BRACKETED),
    st.integers(1, 5),
    st.integers(0, 99),
    st.floats(0, 1),
    st.floats(0, 0.5),
)
def test_under_failures_and_stops_it_ends_within_plan_and_promotes_the_best(
    space, plan, name, workers, seed, p_fail, p_stop
) -> None:
    created = created_for(space, plan, name, seed=seed, workers=workers)
    study = drive(created, order=seed, p_fail=p_fail, p_stop=p_stop, p_nan=p_stop / 2)

    assert len(study.state.trials) == plan.trials, "a failure takes no configuration away"
    assert study.state.epochs_spent <= plan.epochs
    assert not study.state.running
    assert all(trial.status not in {TrialStatus.WAITING, TrialStatus.RUNNING} for trial in study.state.trials.values())
    _check_promotions(study)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    spaces, plans(most_trials=10), st.integers(1, 4), st.integers(0, 99), st.sampled_from([0.0, 0.0, 0.3, 1.0]), base
)
def test_freeze_thaw_stays_within_trials_and_epochs(space, plan, workers, seed, p_fail, base) -> None:
    created = created_for(space, plan, "freeze-thaw", seed=seed, workers=workers, base=base)
    study = drive(created, order=seed, p_fail=p_fail, p_stop=p_fail / 3)

    assert 1 <= len(study.state.trials) <= plan.trials
    assert study.state.epochs_spent <= plan.epochs
    assert all(
        trial.epoch in {0, *plan.rungs} for trial in study.state.trials.values() if trial.status is TrialStatus.RESTING
    )
    if p_fail == 0.0:
        assert max(trial.epoch for trial in study.state.trials.values()) == plan.max_epochs, "somebody runs in full"
    _check_configurations(study)


@pytest.mark.parametrize("name", SEARCHES)
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(space=spaces, plan=plans(most_trials=14), seed=st.integers(0, 99), workers=st.integers(1, 4))
def test_the_same_log_gives_the_same_moves(name, space, plan, seed, workers) -> None:
    study = drive(created_for(space, plan, name, seed=seed, workers=workers), order=seed, p_fail=0.1)
    asked = np.random.default_rng(seed).permutation(len(study.moves))[:6]
    used = make_algorithm(study.created)

    for index in asked:  # out of order: nothing may be remembered from one question to the next
        seq, move = study.moves[index]
        state = _replayed(study, seq)
        assert make_algorithm(study.created).next(state) == move
        assert used.next(state) == move


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(plan=plans(), seed=st.integers(0, 99), workers=st.integers(2, 6))
def test_a_slot_is_idle_only_when_every_trial_is_started(plan, seed, workers) -> None:
    space = Space(name="one", parameters={"LR": Float(low=0.0, high=1.0)})
    study = drive(created_for(space, plan, "random", seed=seed, workers=workers), order=seed)

    running = 0
    started = 0
    for entry in study.log:
        kind = entry.event.kind
        started += kind == "trial_suggested"
        if kind == "segment_ended":
            assert running == workers or started == plan.trials
        running += (kind == "segment_started") - (kind == "segment_ended")


def test_moves_do_not_depend_on_the_hash_seed(tmp_path: Path) -> None:
    script = tmp_path / "moves.py"
    script.write_text(
        "from search_driver import created_for, drive\n"
        "from orchestrator.search import make_plan\n"
        "from search_spaces.model import Choice, Float, Space\n"
        "space = Space(name='s', parameters={'LR': Float(low=1e-5, high=1e-2, log=True),"
        " 'KIND': Choice(values=('a', 'b', 'c')), 'M': Float(low=0, high=1, when={'KIND': ['a', 'c']})})\n"
        "for name in ('bohb', 'random', 'freeze-thaw', 'asha', 'tpe', 'cma-es', 'nsga3'):\n"
        "    for _, move in drive(created_for(space, make_plan(20, 2, 3, 9), name, workers=3), p_fail=.1).moves:\n"
        "        print(move)\n"
    )
    root = Path(__file__).resolve().parents[2]
    path = os.pathsep.join([str(root), str(Path(__file__).parent)])
    outputs = {
        subprocess.run(
            [sys.executable, str(script)],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("0", "4242")
    }

    assert len(outputs) == 1
    assert "MODEL" in outputs.pop()


def _replayed(study: Driven, seq: int) -> StudyState:
    state = StudyState()
    for entry in study.log[:seq]:
        state.apply(entry)
    return state


def _check_promotions(study: Driven) -> None:
    """Nobody went on while a better one of the same bracket and rung, who could have, stayed."""
    objectives = study.created.space.objective
    for _, move in study.moves:
        if isinstance(move, Advance):
            trial = study.state.trials[move.trial]
            bracket = study.created.plan.brackets[trial.bracket]
            rung = bracket.rungs[bracket.rungs.index(move.to_epoch) - 1]
            value = value_at(trial, rung, objectives)
            assert value > WORST
            rivals = [other for other in study.state.trials.values() if _stayed(other, trial, rung)]
            assert all(value_at(other, rung, objectives) <= value for other in rivals)
    for index, bracket in enumerate(study.created.plan.brackets):
        members = [trial for trial in study.state.trials.values() if trial.bracket == index]
        for rung, places in zip(bracket.rungs, bracket.sizes[1:], strict=False):
            assert sum(trial.to_epoch > rung for trial in members) <= places


def _stayed(other: TrialState, trial: TrialState, rung: int) -> bool:
    return other.bracket == trial.bracket and other.to_epoch == rung and other.status is TrialStatus.RESTING


def _check_configurations(study: Driven) -> None:
    """Every configuration is one of the space, with an origin and a reason."""
    space, whole = study.created.space, study.created.base
    encoder = Encoder(space, whole)
    for trial in study.state.trials.values():
        assert validate_values(space, whole, trial.values) == []
        assert encoder.refusal(trial.values) == ""
        assert trial.reason
        assert trial.origin in Origin
