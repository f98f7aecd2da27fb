"""Every algorithm, on random spaces, plans, worker counts, orders of arrival, failures and stops."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from search_driver import Driven, created_for, drive

from orchestrator.events import Origin, Plan, StudyState, TrialState, TrialStatus
from orchestrator.search import ALGORITHMS, Advance, Move, lay_out, make_algorithm, make_plan, plan_for_epochs
from orchestrator.search.score import WORST, value_at
from search_spaces.encoding import Encoder
from search_spaces.model import Choice, Float, Int, Space
from search_spaces.sampling import validate_values

BRACKETED = ["bohb", "hyperband", "random", "successive-halving"]
PLANNED = [*BRACKETED, "asha"]
SEARCHES = sorted(set(ALGORITHMS) - {"grid", "gp", "hpbandster"})  # slow, and an extra: test_algorithm_contract.py
ONE = Space(name="one", parameters={"LR": Float(low=0.0, high=1.0)})
ASHA = lay_out("asha", "", max_epochs=27, min_epochs=1, eta=3, trials=20)
MACHINES = [
    {"PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"},
    {"PYTHONHASHSEED": "4242", "OMP_NUM_THREADS": "2", "OPENBLAS_CORETYPE": "Haswell"},
    {"PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1", "OPENBLAS_CORETYPE": "Sandybridge"},
]
"""What a machine may differ in: the order of sets, threads, and the kernels that BLAS takes for its processor."""
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


@st.composite
def planned(draw: st.DrawFn, names: list[str], most_trials: int = 30) -> tuple[str, Plan]:
    """An algorithm with a plan of its own."""
    name, max_epochs = draw(st.sampled_from(names)), draw(st.sampled_from([1, 2, 4, 9, 20, 60]))
    numbers = {"min_epochs": draw(st.integers(1, max_epochs)), "eta": draw(st.integers(2, 4))}
    return name, lay_out(name, "", max_epochs=max_epochs, **numbers, trials=draw(st.integers(1, most_trials)))


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


@pytest.mark.slow
@GENTLE
@given(spaces, planned(PLANNED), st.integers(1, 5), st.integers(0, 99), base)
def test_without_failures_the_whole_plan_is_spent(space, planned, workers, seed, base) -> None:
    name, plan = planned
    study = drive(created_for(space, plan, name, seed=seed, workers=workers, base=base), order=seed)

    assert len(study.state.trials) == plan.trials
    assert study.state.epochs_spent == plan.epochs
    for index, bracket in enumerate(plan.brackets):
        members = [trial for trial in study.state.trials.values() if trial.bracket == index]
        assert [sum(t.epoch >= rung for t in members) for rung in bracket.rungs] == list(bracket.sizes)
    _check_promotions(study)
    _check_configurations(study)


@pytest.mark.slow
@GENTLE
@given(
    spaces,
    planned(PLANNED),
    st.integers(1, 5),
    st.integers(0, 99),
    st.floats(0, 1),
    st.floats(0, 0.5),
)
@example(ONE, ("asha", ASHA), 3, 0, 0.1, 0.1)
@example(ONE, ("asha", ASHA), 1, 1, 0.0, 0.0)
def test_under_failures_and_stops_it_ends_within_plan_and_promotes_the_best(
    space, planned, workers, seed, p_fail, p_stop
) -> None:
    name, plan = planned
    created = created_for(space, plan, name, seed=seed, workers=workers)
    study = drive(created, order=seed, p_fail=p_fail, p_stop=p_stop, p_nan=p_stop / 2)

    assert len(study.state.trials) == plan.trials, "a failure takes no configuration away"
    assert study.state.epochs_spent <= plan.epochs
    assert not study.state.running
    assert all(trial.status not in {TrialStatus.WAITING, TrialStatus.RUNNING} for trial in study.state.trials.values())
    _check_promotions(study)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(planned(["median"], 14), st.integers(1, 4), st.integers(0, 99), st.sampled_from([0.0, 0.2]))
def test_median_lets_go_on_who_is_not_below_the_median_of_the_others(planned, workers, seed, p_fail) -> None:
    name, plan = planned
    study = drive(created_for(ONE, plan, name, seed=seed, workers=workers), order=seed, p_fail=p_fail, p_nan=p_fail)

    for state, move in _moments(study):
        if isinstance(move, Advance):
            trial = state.trials[move.trial]
            rung = plan.rungs[plan.rungs.index(move.to_epoch) - 1]
            assert (trial.status, trial.epoch) == (TrialStatus.RESTING, rung)
            others = [one for one in state.trials.values() if one is not trial and _tells(one, rung)]
            averages = [_average(one, rung) for one in others]
            best = max(trial.history[epoch]["mAP"] for epoch in trial.history)
            assert not averages or best >= median(averages)
    assert study.state.epochs_spent <= plan.epochs


@pytest.mark.slow
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(plans(most_trials=20), st.integers(1, 4), st.integers(0, 99), st.sampled_from([0.0, 0.0, 0.2]))
@example(make_plan(27, 1, 3, 20), 1, 0, 0.0)
@example(make_plan(27, 1, 3, 20), 2, 1, 0.0)
@example(make_plan(27, 1, 3, 20), 2, 2, 0.2)
def test_freeze_thaw_lets_one_of_every_eta_plus_one_go_on_from_where_it_rested(plan, workers, seed, p_fail) -> None:
    space = Space(name="five", parameters={name: Float(low=0.0, high=1.0) for name in "ABCDE"})
    study = drive(created_for(space, plan, "freeze-thaw", seed=seed, workers=workers), order=seed, p_fail=p_fail)

    for state, move in _moments(study):
        trials = list(state.trials.values())
        if isinstance(move, Advance):
            trial = state.trials[move.trial]
            assert (trial.status, trial.epoch) == (TrialStatus.RESTING, trial.to_epoch)
            assert move.to_epoch == min(rung for rung in plan.rungs if rung > trial.epoch)
            assert value_at(trial, trial.epoch, study.created.space.objective) > WORST
            if "which was due" in move.reason:
                values = [one.history[one.epoch]["mAP"] for one in trials if _rests_on(one, trial.epoch)]
                assert sorted(values, reverse=True).index(trial.history[trial.epoch]["mAP"]) < 3
        elif move.origin is Origin.MODEL and _left(plan, trials) >= plan.max_epochs:
            for rung in plan.rungs[:-1]:
                done = sum(one.epoch >= rung for one in trials)
                gone_on = sum(one.to_epoch > rung for one in trials)
                waiting = any(_rests_on(one, rung) for one in trials)
                assert gone_on >= done // (plan.eta + 1) or not waiting, "somebody was due before a new trial"


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("name", ["bohb", "freeze-thaw"])
@pytest.mark.parametrize("base", [{}, {"LR": 1e-3, "DECAY": 0.1, "KIND": "a"}], ids=["no recipe", "recipe"])
def test_most_suggestions_after_the_sixth_come_from_the_model_or_the_prior(name, workers, base) -> None:
    space = Space(
        name="three",
        parameters={
            "LR": Float(low=1e-5, high=1e-1, log=True),
            "DECAY": Float(low=-1.0, high=1.0),
            "KIND": Choice(values=("a", "b", "c")),
        },
    )
    for seed in range(3):
        created = created_for(space, make_plan(9, 1, 3, 18), name, seed=seed, workers=workers, base=base)
        trials = drive(created, order=seed).state.trials
        later = [trials[number].origin for number in sorted(trials)][6:]
        assert len(later) >= 6
        assert 2 * sum(origin in {Origin.MODEL, Origin.PRIOR} for origin in later) >= len(later)


@pytest.mark.slow
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


@pytest.mark.slow
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
    study = drive(created_for(ONE, plan, "random", seed=seed, workers=workers), order=seed)

    running = 0
    started = 0
    for entry in study.log:
        kind = entry.event.kind
        started += kind == "trial_suggested"
        if kind == "segment_ended":
            assert running == workers or started == plan.trials
        running += (kind == "segment_started") - (kind == "segment_ended")


@pytest.mark.slow
def test_moves_do_not_depend_on_the_hash_seed_or_the_machine(tmp_path: Path) -> None:
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
            env={**os.environ, "PYTHONPATH": path, **machine},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for machine in MACHINES
    }

    assert len(outputs) == 1
    assert "MODEL" in outputs.pop()


def _replayed(study: Driven, seq: int) -> StudyState:
    state = StudyState()
    for entry in study.log[:seq]:
        state.apply(entry)
    return state


def _moments(study: Driven) -> Iterator[tuple[StudyState, Move]]:
    """Every move with the state in which it was made."""
    state = StudyState()
    for seq, move in study.moves:
        for entry in study.log[state.seq : seq]:
            state.apply(entry)
        yield state, move


def _check_promotions(study: Driven) -> None:
    """Who went on was the best that could, by the rule of the schedule; no rung let more go on than it has places."""
    for state, move in _moments(study):
        if isinstance(move, Advance):
            trial = state.trials[move.trial]
            bracket = study.created.plan.brackets[trial.bracket]
            rung = bracket.rungs[bracket.rungs.index(move.to_epoch) - 1]
            assert (trial.status, trial.epoch) == (TrialStatus.RESTING, rung)
            assert value_at(trial, rung, study.created.space.objective) > WORST
            if study.created.algorithm == "asha":
                _check_top(study, state, trial, rung)
            else:
                _check_best(study, trial, rung)
    for index, bracket in enumerate(study.created.plan.brackets):
        members = [trial for trial in study.state.trials.values() if trial.bracket == index]
        for rung, places in zip(bracket.rungs, bracket.sizes[1:], strict=False):
            assert sum(trial.to_epoch > rung for trial in members) <= places


def _check_best(study: Driven, trial: TrialState, rung: int) -> None:
    """Nobody of the same bracket and rung who was better, and could have gone on, stayed for good."""
    objectives = study.created.space.objective
    rivals = [other for other in study.state.trials.values() if _stayed(other, trial, rung)]
    assert all(value_at(other, rung, objectives) <= value_at(trial, rung, objectives) for other in rivals)


def _check_top(study: Driven, state: StudyState, trial: TrialState, rung: int) -> None:
    """It is in the top 1 / eta of the results so far, of which fewer have gone on; the best of those that rest.

    In the top places of the plan where no more results can come to the rung.
    """
    plan, objectives = study.created.plan, study.created.space.objective
    (bracket,) = plan.brackets
    places = bracket.sizes[bracket.rungs.index(rung) + 1]
    if _more_can_come(plan, state, rung):
        over = (TrialStatus.FAILED, TrialStatus.STOPPED)
        known = [one for one in state.trials.values() if one.to_epoch >= rung]
        known = [one for one in known if one.epoch >= rung or one.status in over]
        results = sum(one.status is not TrialStatus.STOPPED or one.to_epoch > rung for one in known)
        places = min(places, results // plan.eta)
    assert sum(one.to_epoch > rung for one in state.trials.values()) < places
    value = value_at(trial, rung, objectives)
    rivals = [one for one in state.trials.values() if one.to_epoch > rung or _rests_on(one, rung)]
    assert sum(value_at(one, rung, objectives) > value for one in rivals) < places
    assert all(value_at(one, rung, objectives) <= value for one in rivals if one.to_epoch == rung)


def _more_can_come(plan: Plan, state: StudyState, rung: int) -> bool:
    """Whether a trial is on its way to the rung, or may yet be sent there."""
    (bracket,) = plan.brackets
    under_way = {TrialStatus.RUNNING, TrialStatus.WAITING}
    if any(one.to_epoch == rung and one.epoch < rung and one.status in under_way for one in state.trials.values()):
        return True
    level = bracket.rungs.index(rung)
    if level == 0:
        return len(state.trials) < bracket.sizes[0]
    below = bracket.rungs[level - 1]
    if sum(one.to_epoch > below for one in state.trials.values()) >= bracket.sizes[level]:
        return False
    return any(_rests_on(one, below) for one in state.trials.values()) or _more_can_come(plan, state, below)


def _rests_on(trial: TrialState, rung: int) -> bool:
    """Whether the trial rests on the rung with a value."""
    known = trial.status is TrialStatus.RESTING and trial.epoch == trial.to_epoch == rung
    return known and math.isfinite(trial.history[rung]["mAP"])


def _tells(trial: TrialState, rung: int) -> bool:
    """Whether the median rule counts the trial at the rung."""
    return rung in trial.history or trial.status is TrialStatus.FAILED


def _average(trial: TrialState, rung: int) -> float:
    """The mean of what the trial reported up to the rung; the worst where it failed before or one is NaN."""
    reported = [metrics["mAP"] for epoch, metrics in trial.history.items() if epoch <= rung]
    sound = rung in trial.history and all(map(math.isfinite, reported))
    return math.fsum(reported) / len(reported) if sound else WORST


def _left(plan: Plan, trials: list[TrialState]) -> int:
    """Epochs of the plan that nobody has taken or will take on the way to a rung."""
    over = (TrialStatus.FAILED, TrialStatus.STOPPED)
    return plan.epochs - sum(one.epoch if one.status in over else max(one.epoch, one.to_epoch) for one in trials)


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
