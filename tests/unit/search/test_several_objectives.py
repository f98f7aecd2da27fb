"""Several objectives and constraints in ranking, table and promotion; a single objective stays as it was."""

from __future__ import annotations

import time

import numpy as np
import pytest

from orchestrator.events import Bracket, Origin, Plan, StudyState, TrialState, TrialStatus
from orchestrator.search.scalar import BROKEN, scalarised, weights_of
from orchestrator.search.schedules.brackets import next_in_brackets
from orchestrator.search.score import WORST, Aims, ranked, show_at, value_at
from orchestrator.search.table import TrialTable
from search_spaces.model import Goal, Objective

MAP, LATENCY = Objective(), Objective(metric="latency_ms", goal=Goal.MINIMIZE)
TWO = Aims((MAP, LATENCY), seed=5)
LIMITED = Aims((MAP,), ("latency_ms <= 5",))


def trial(number: int, curve: dict[int, tuple[float, float]], status=TrialStatus.RESTING) -> TrialState:
    epoch = max(curve, default=0)
    history = {at: {"mAP": value, "latency_ms": latency} for at, (value, latency) in curve.items()}
    return TrialState(number, {"lr": 0.1}, Origin.RANDOM, "", 0, max(epoch, 1), status, epoch, history)


def test_a_rung_is_ranked_by_front_then_by_crowding() -> None:
    points = {1: (0.5, 10), 2: (0.9, 20), 3: (0.2, 2), 4: (0.4, 11), 5: (0.55, 12)}
    trials = [trial(number, {3: point}) for number, point in points.items()]

    assert [one.id for one in ranked(trials, 3, TWO)] == [2, 3, 5, 1, 4]


def test_what_breaks_a_constraint_comes_after_all_that_does_not_by_its_violation() -> None:
    points = {1: (0.9, 9), 2: (0.1, 4), 3: (0.8, 6), 4: (0.2, 5)}
    trials = [trial(number, {3: point}) for number, point in points.items()]

    assert [one.id for one in ranked(trials, 3, LIMITED)] == [4, 2, 3, 1]
    alone = [value_at(one, 3, LIMITED) for one in trials]
    assert alone[3] > alone[1] > alone[2] > alone[0] > WORST


def test_a_trial_without_one_of_the_metrics_is_worst() -> None:
    lacking = trial(1, {3: (0.9, float("nan"))})

    assert ranked([lacking], 3, TWO) == []
    assert value_at(lacking, 3, TWO) == WORST


def test_promotion_takes_the_front_and_tells_all_objectives() -> None:
    plan = Plan(max_epochs=3, min_epochs=1, eta=3, rungs=(1, 3), brackets=(Bracket(rungs=(1, 3), sizes=(3, 1)),))
    trials = [trial(1, {1: (0.5, 9)}), trial(2, {1: (0.6, 4)}), trial(3, {1: (0.7, 6)})]
    state = StudyState(trials={one.id: one for one in trials})

    free = next_in_brackets(plan, state, TWO)
    limited = next_in_brackets(plan, state, LIMITED)

    assert free.trial == 2  # 2 and 3 are the front, and the older goes first
    assert free.reason.endswith("with mAP 0.600, latency_ms 4")
    assert limited.trial == 2
    assert show_at(trials[2], 1, LIMITED) == "mAP 0.700, breaks latency_ms <= 5"


@pytest.mark.slow
def test_weights_are_a_function_of_their_numbers_and_uniform_over_the_simplex() -> None:
    drawn = np.array([weights_of(3, seed, 1, 2) for seed in range(2000)])

    assert np.array_equal(weights_of(3, 7, 1, 2), weights_of(3, 7, 1, 2))
    assert drawn.sum(axis=1) == pytest.approx(1.0)
    assert drawn.min() >= 0
    assert drawn.mean(axis=0) == pytest.approx([1 / 3] * 3, abs=0.02)
    assert (drawn[:, 0] > 0.5).mean() == pytest.approx(0.25, abs=0.03)  # (1 - 1/2)^2 on the simplex


def test_scores_are_the_augmented_distance_to_the_best() -> None:
    vectors = np.array([[[1.0, 0.0]], [[0.0, 1.0]], [[0.5, 0.5]], [[np.nan, 1.0]]])
    scores = scalarised(vectors, np.array([[0.0], [0.0], [0.0], [np.inf]]), np.array([0.75, 0.25]))

    worst = 0.5 / (1 - 0.1)  # the worst tenth of 0, 0.5, 1 is 0.1
    assert scores[2, 0] == pytest.approx(-(0.75 * worst + 0.05 * worst))
    assert scores[0, 0] == pytest.approx(-1.05 * 0.25)
    assert scores[1, 0] == pytest.approx(-1.05 * 0.75)
    assert scores[3, 0] == WORST


def test_dominated_results_score_below_what_dominates_them() -> None:
    vectors = np.random.default_rng(0).random((60, 1, 3))
    scores = scalarised(vectors, np.zeros((60, 1)), weights_of(3, 1))[:, 0]
    for a in range(60):
        below = (vectors[a, 0] >= vectors[:, 0]).all(axis=1)
        assert (scores[below] <= scores[a] + 1e-12).all()


def test_infeasible_results_score_below_every_feasible_one_even_when_lifted() -> None:
    rows = [trial(n, {1: (0.1 * n, n), 3: (0.1 * n + 0.1, n)}) for n in range(1, 9)]
    table = TrialTable((1, 3), LIMITED).read(rows)
    scores = dict(zip(table.ids.tolist(), table.last.tolist(), strict=True))

    assert min(scores[n] for n in range(1, 6)) > max(scores[n] for n in range(6, 9))
    assert scores[6] > scores[7] > scores[8]
    assert max(scores[n] for n in range(6, 9)) <= BROKEN
    lifted = table.on_rungs[:, 0] + table.lifts()[0]
    assert lifted[:5].min() > lifted[5:].max()


def test_every_question_weighs_anew_and_the_same_question_alike() -> None:
    rows = [trial(n, {1: (0.1 * n, n * n)}) for n in range(1, 9)]
    first = TrialTable((1, 3), TWO).read(rows)
    again = TrialTable((1, 3), TWO).read(rows)
    more = TrialTable((1, 3), TWO).read([*rows, trial(9, {}, TrialStatus.RUNNING)])

    assert np.array_equal(first.last, again.last)
    assert not np.array_equal(first.last, more.last[:8])


def test_a_table_of_one_objective_holds_the_plain_values() -> None:
    rows = [trial(n, {1: (0.1 * n, n)}) for n in range(1, 4)]

    assert TrialTable((1, 3), (MAP,)).read(rows).last.tolist() == [0.1, 0.2, pytest.approx(0.3)]
    assert TrialTable((1, 3), Aims((MAP,), seed=9)).read(rows).last.tolist() == [0.1, 0.2, pytest.approx(0.3)]


@pytest.mark.slow
def test_ten_thousand_trials_are_weighed_in_a_fraction_of_the_time_to_answer() -> None:
    rng = np.random.default_rng(0)
    rows = [trial(n, {1: tuple(rng.random(2)), 3: tuple(rng.random(2))}) for n in range(10_000)]
    table = TrialTable((1, 3), Aims(TWO.objectives, ("latency_ms <= 0.9",))).read(rows)
    began = time.process_time()
    table.read(rows)
    assert time.process_time() - began < 0.2  # 50 ms on a quiet machine, for the whole answer
