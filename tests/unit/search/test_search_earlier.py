"""Results of earlier studies: what a search makes of them, and that a shift between data does no harm."""

from __future__ import annotations

import numpy as np
import pytest
from property.search_driver import created_for, drive

from orchestrator.events import EarlierResult, StudyCreated
from orchestrator.events.aims import Aims
from orchestrator.search import NewTrial, make_plan
from orchestrator.search.cube import Cube
from orchestrator.search.models.earlier import Earlier
from search_spaces.model import Float, Objective, Space

SPACE = Space(name="two", parameters={"A": Float(low=0.0, high=1.0), "B": Float(low=0.0, high=1.0)})
PLAN = make_plan(27, 3, 3, 12)


def curve(values, epoch, best=0.8):
    """Highest at A = B = `best`; half of it is reached after three epochs."""
    level = 1.0 - (values["A"] - best) ** 2 - (values["B"] - best) ** 2
    return level * epoch / (epoch + 3.0)


def earlier(best, count=20, shift=0.0, *, same_data=False):
    rng = np.random.default_rng(5)
    results = []
    for point in rng.random((count, 2)):
        values = {"A": float(point[0]), "B": float(point[1])}
        results += [
            EarlierResult(
                study="old",
                values=values,
                epoch=rung,
                metrics={"mAP": curve(values, rung, best) + shift},
                same_data=same_data,
            )
            for rung in PLAN.rungs
        ]
    return tuple(results)


def started(results, algorithm="freeze-thaw", seed=0) -> StudyCreated:
    created = created_for(SPACE, PLAN, algorithm, base={"A": 0.1, "B": 0.1}, seed=seed)
    return created.model_copy(update={"earlier": results})


def best_of(study):
    return max(value["mAP"] for trial in study.state.trials.values() for value in trial.history.values())


def distances(study, best=0.8):
    """How far each new configuration of the model is from the optimum."""
    moves = [move for _, move in study.moves if isinstance(move, NewTrial)]
    return [np.hypot(move.values["A"] - best, move.values["B"] - best) for move in moves]


@pytest.mark.slow
@pytest.mark.parametrize("same_data", [True, False])
def test_the_model_uses_earlier_results_from_its_first_suggestion(same_data):
    study = drive(started(earlier(best=0.8, same_data=same_data)), curve=curve)
    first_own = distances(study)[2:6]  # after the default and the earlier study's best
    assert max(first_own) < 0.35
    assert best_of(study) > best_of(drive(started(()), curve=curve)) - 0.01


@pytest.mark.slow
def test_the_level_of_values_on_other_data_changes_nothing():
    plain = [move for _, move in drive(started(earlier(best=0.6)), curve=curve).moves]
    lifted = [move for _, move in drive(started(earlier(best=0.6, shift=0.125)), curve=curve).moves]
    assert [move.values for move in plain if isinstance(move, NewTrial)] == [
        move.values for move in lifted if isinstance(move, NewTrial)
    ]


@pytest.mark.slow
def test_an_earlier_study_that_misleads_is_recovered_from():
    reached = [best_of(drive(started(earlier(best=0.05), seed=seed), curve=curve)) for seed in range(3)]
    alone = [best_of(drive(started((), seed=seed), curve=curve)) for seed in range(3)]
    assert np.mean(reached) > np.mean(alone) - 0.05


def test_values_are_lifted_by_what_the_trials_of_their_own_study_gained():
    results = tuple(
        EarlierResult(study="old", values={"A": a, "B": 0.5}, epoch=epoch, metrics={"mAP": value})
        for a, epoch, value in [
            (0.1, 3, 0.2),
            (0.1, 9, 0.3),
            (0.2, 3, 0.1),
            (0.2, 9, 0.3),
            (0.3, 3, 0.05),
            (0.3, 27, 0.9),
        ]
    )
    rows = Earlier.of(results, Cube(SPACE, {}), Aims((Objective(),)))
    lifts = {
        (point, rung): value
        for point, rung, value in zip(rows.points[:, 0].round(1), rows.rungs, rows.values, strict=True)
    }
    assert lifts[0.1, 3] == pytest.approx(0.2 + 0.15)  # the median of .1 and .2; nothing is known from 9 to 27
    assert lifts[0.1, 9] == pytest.approx(0.3)
    assert lifts[0.3, 27] == pytest.approx(0.9)


def test_results_that_break_a_constraint_are_the_worst_of_their_study():
    reported = [
        (0.1, {"mAP": 0.9, "latency_ms": 9.0}),
        (0.2, {"mAP": 0.3, "latency_ms": 2.0}),
        (0.3, {"mAP": 0.2}),
    ]
    results = tuple(
        EarlierResult(study="old", values={"A": a, "B": 0.5}, epoch=3, metrics=metrics, same_data=True)
        for a, metrics in reported
    )
    aims = Aims((Objective(),), ("latency_ms <= 5",))
    rows = Earlier.of(results, Cube(SPACE, {}), aims)
    assert dict(zip(rows.points[:, 0].round(1), rows.values, strict=True)) == {0.1: -np.inf, 0.2: 0.3, 0.3: 0.2}
    assert set(rows.studies) == {1}  # a score under constraints is no value that an earlier study could be compared by


def test_a_minimised_metric_and_a_missing_one():
    results = (
        EarlierResult(study="old", values={"A": 0.1, "B": 0.5}, epoch=3, metrics={"loss": 2.0}),
        EarlierResult(study="old", values={"A": 0.2, "B": 0.5}, epoch=3, metrics={}),
    )
    rows = Earlier.of(results, Cube(SPACE, {}), Aims((Objective(metric="loss"),)))
    assert sorted(rows.values) == [-np.inf, -2.0]
