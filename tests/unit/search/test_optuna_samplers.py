"""Optuna's samplers behind our interface: they learn, they are told everything, and keep no secrets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from property.search_driver import created_for, drive

from orchestrator.events import Origin, TrialStatus
from orchestrator.search import check_algorithm, lay_out, make_algorithm
from orchestrator.search.samplers.by_optuna.mirror import Mirror
from orchestrator.search.samplers.by_optuna.results import Results
from reid_core.errors import SpaceError
from search_spaces.convert import to_optuna
from search_spaces.model import Choice, Float, Int, Objective, Space

BOWL = Space(name="bowl", parameters={"X": Float(low=-1.0, high=1.0), "Y": Float(low=1e-4, high=1.0, log=True)})
DEEP = Space(name="deep", parameters={name: Float(low=-1.0, high=1.0) for name in "ABCDEF"})
MIXED = Space(
    name="mixed",
    parameters={
        "KIND": Choice(values=("a", "b")),
        "MARGIN": Float(low=0.0, high=1.0, when={"KIND": "a"}),
        "SIZE": Choice(values=([1, 1], [2, 2])),
        "N": Int(low=1, high=9),
    },
)


def _distance(values) -> float:
    """The squared distance from the best place of DEEP."""
    return float(sum((value - 0.3) ** 2 for value in values.values()))


def _best(name: str, seed: int, trials: int) -> float:
    plan = lay_out(name, "", max_epochs=1, min_epochs=1, eta=3, trials=trials)
    study = drive(created_for(DEEP, plan, name, seed=seed), curve=lambda values, _: -_distance(values))
    return min(_distance(trial.values) for trial in study.state.trials.values())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tpe", "cma-es", "nsga2", "gp"])
def test_it_beats_random_on_a_bowl(name: str) -> None:
    seeds, trials = (range(3), 90 if name == "nsga2" else 60) if name != "gp" else (range(2), 16)

    learnt = np.mean([np.log(_best(name, seed, trials)) for seed in seeds])
    random = np.mean([np.log(_best("random", seed, trials)) for seed in seeds])
    assert learnt < random - 0.1, "closer by a tenth"


def test_neither_repetitions_nor_forks_are_told() -> None:
    plan = lay_out("tpe", "", max_epochs=1, min_epochs=1, eta=3, trials=4)
    study = drive(created_for(BOWL, plan, "tpe"), curve=lambda values, _: values["X"])
    own = sorted(study.state.trials)
    study.state.trials[8] = replace(study.state.trials[own[0]], id=8, confirms=own[0])
    study.state.trials[9] = replace(study.state.trials[own[1]], id=9, parent=own[1])
    told = Results(study.state.created)
    assert len(own) == 4
    assert [one.number for one in told.as_reported(study.state)] == own
    assert [one.number for one in told.as_forecast(study.state)] == own


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tpe", "gp", "nsga2", "nsga3"])
def test_several_objectives_are_all_told(name: str) -> None:
    """A trades mAP for latency; the other parameters have their best place for both: the model finds it."""
    space = DEEP.model_copy(update={"objective": (Objective(metric="mAP"), Objective(metric="latency_ms"))})
    plan = lay_out(name, "", max_epochs=1, min_epochs=1, eta=3, trials=16 if name == "gp" else 80)

    def off(values) -> float:
        return _distance({name: value for name, value in values.items() if name != "A"})

    def curve(values, _epoch: int) -> dict[str, float]:
        return {"mAP": values["A"] - off(values), "latency_ms": 5 + values["A"] + off(values)}

    trials = list(drive(created_for(space, plan, name), curve=curve).state.trials.values())

    early = [off(trial.values) for trial in trials if trial.origin is Origin.RANDOM]
    late = [off(trial.values) for trial in trials if trial.origin is Origin.MODEL][-40:]
    assert np.mean(late) < 0.7 * np.mean(early)


def test_cma_es_refuses_several_objectives() -> None:
    space = BOWL.model_copy(update={"objective": (Objective(metric="mAP"), Objective(metric="rank1"))})

    with pytest.raises(SpaceError, match="cma-es optimises one objective, and bowl has 2"):
        check_algorithm("cma-es", "", space)


@pytest.mark.slow
def test_a_broken_constraint_on_outcomes_turns_the_model_away() -> None:
    """mAP grows with X, and X above 0 is too slow: later suggestions stay near 0."""
    space = BOWL.model_copy(update={"constraints": ("latency_ms <= 5",)})
    plan = lay_out("tpe", "", max_epochs=1, min_epochs=1, eta=3, trials=40)

    def curve(values, _epoch: int) -> dict[str, float]:
        return {"mAP": values["X"], "latency_ms": 5 + values["X"]}

    trials = list(drive(created_for(space, plan, "tpe"), curve=curve).state.trials.values())

    broken = [trial.values["X"] > 0 for trial in trials]
    assert np.mean(broken[20:]) < np.mean(broken[:10])
    assert np.mean([trial.values["X"] for trial in trials[20:]]) > -0.6


def test_trials_on_lower_rungs_are_pruned_ones_with_reports(created, trial, state) -> None:
    plan = lay_out("tpe", "hyperband", max_epochs=60, min_epochs=7, eta=3, trials=12)
    results = Results(created(plan, "tpe", space=BOWL))
    values = {"X": 0.0, "Y": 0.1}
    told = results.as_reported(
        state(
            trial(0, {7: 0.1, 20: 0.2, 60: 0.3}, status=TrialStatus.COMPLETED, values=values),
            trial(1, {7: 0.1}, values=values),
            trial(2, {7: 0.1}, to_epoch=20, values=values),
            trial(3, to_epoch=7, values=values),
            trial(4, {7: 0.4}, to_epoch=20, status=TrialStatus.FAILED, values=values),
            trial(5, to_epoch=7, status=TrialStatus.STOPPED, values=values),
        )
    )

    assert [(one.number, one.kind, one.values, one.reports) for one in told] == [
        (0, "complete", (0.3,), ((7, 0.1), (20, 0.2), (60, 0.3))),
        (1, "pruned", (), ((7, 0.1),)),
        (2, "pruned", (), ((7, 0.1),)),
        (3, "running", (), ()),
        (4, "pruned", (), ()),
    ]


def test_forecasts_lift_to_the_full_run_and_failed_trials_are_as_bad_as_the_worst(created, trial, state) -> None:
    plan = lay_out("gp", "hyperband", max_epochs=60, min_epochs=20, eta=3, trials=12)
    results = Results(created(plan, "gp", space=BOWL))
    values = {"X": 0.0, "Y": 0.1}
    told = results.as_forecast(
        state(
            trial(0, {20: 0.2, 60: 0.5}, status=TrialStatus.COMPLETED, values=values),
            trial(1, {20: 0.1}, values=values),
            trial(2, to_epoch=20, status=TrialStatus.FAILED, values=values),
        )
    )

    assert [one.values for one in told] == [(0.5,), pytest.approx((0.4,)), pytest.approx((0.4,))]


def test_inactive_parameters_are_missing_for_tpe_and_drawn_for_the_others(created, trial, state) -> None:
    plan = lay_out("tpe", "", max_epochs=60, min_epochs=7, eta=3, trials=12)
    results = Results(created(plan, "tpe", space=MIXED))
    study = state(trial(0, {60: 0.5}, values={"KIND": "b", "SIZE": [2, 2], "N": 3}))

    assert results.as_reported(study)[0].params == {"KIND": "b", "SIZE": "[2, 2]", "N": 3}
    whole = results.as_forecast(study)[0].params
    assert set(whole) == {"KIND", "MARGIN", "SIZE", "N"}
    assert results.whole(study.trials[0]) == Results(created(plan, "tpe", space=MIXED)).whole(study.trials[0])


def test_a_mirror_that_grew_says_what_a_new_one_says(created, trial, state) -> None:
    from optuna.samplers import TPESampler

    plan = lay_out("tpe", "", max_epochs=60, min_epochs=7, eta=3, trials=40)
    results = Results(created(plan, "tpe", space=BOWL))
    grown = Mirror(1, to_optuna(BOWL))
    rng = np.random.default_rng(0)
    points = [{"X": float(x), "Y": float(y)} for x, y in rng.uniform(0.001, 1.0, (16, 2))]
    for count in range(1, 17):  # each trial runs beside the one before, and ends after the next has begun
        told = [
            trial(n, {60: points[n]["X"]} if n < count - 2 else {}, to_epoch=60, values=points[n]) for n in range(count)
        ]
        shown = results.as_reported(state(*told))
        asked = grown.show(shown).ask(TPESampler(seed=count))
        assert asked == Mirror(1, to_optuna(BOWL)).show(shown).ask(TPESampler(seed=count))


def test_suggestions_say_where_they_come_from(created, trial, state) -> None:
    plan = lay_out("tpe", "", max_epochs=60, min_epochs=7, eta=3, trials=40)
    trials = [trial(n, {60: 0.1 * n}, values={"X": 0.1 * n - 1, "Y": 0.01}) for n in range(12)]
    algorithm = make_algorithm(created(plan, "tpe", space=BOWL))

    early, late = algorithm.next(state(*trials[:4])), algorithm.next(state(*trials))

    assert (early.origin, early.reason) == (Origin.RANDOM, "drawn at random: Optuna's TPE waits for 10 results")
    assert (late.origin, late.reason) == (Origin.MODEL, "suggested by Optuna's TPE after 12 results")


@pytest.mark.slow
def test_a_refused_suggestion_is_asked_for_again(created, trial, state) -> None:
    """Of 9 values of N two are allowed: most of what Optuna draws breaks the constraint."""
    space = Space(name="narrow", parameters={"N": Int(low=1, high=9), "X": Float(low=0.0, high=1.0)})
    space = space.model_copy(update={"constraints": ("N in [4, 5]",)})
    plan = lay_out("tpe", "", max_epochs=60, min_epochs=7, eta=3, trials=40)
    trials = [trial(n, {60: n % 7}, values={"N": 4 + n % 2, "X": 0.05 * n}) for n in range(14)]
    algorithm = make_algorithm(created(plan, "tpe", space=space))

    moves = [algorithm.next(state(*trials[:count])) for count in range(2, 15)]

    assert {move.values["N"] for move in moves} == {4, 5}
    assert sum("Optuna" in move.reason and "broke" not in move.reason for move in moves) > 8
