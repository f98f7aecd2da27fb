from __future__ import annotations

import math

import pytest

from orchestrator.events import TrialStatus
from orchestrator.search.score import WORST, show, value_at
from orchestrator.search.table import TrialTable
from search_spaces.model import Goal, Objective

MAP = (Objective(),)
LOSS = (Objective(metric="mAP", goal=Goal.MINIMIZE),)


def forecast(trials, rungs, objectives):
    """Expected score at the highest rung by trial."""
    table = TrialTable(rungs, objectives).read(list(trials))
    rows, scores = table.forecast()
    return dict(zip(table.ids[rows].tolist(), scores.tolist(), strict=True))


def test_higher_is_better_for_both_goals(trial) -> None:
    assert value_at(trial(0, {7: 0.4}), 7, MAP) == 0.4
    assert value_at(trial(0, {7: 0.4}), 7, LOSS) == -0.4


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("objectives", [MAP, LOSS])
def test_what_is_not_a_number_is_worst(trial, value: float, objectives) -> None:
    assert value_at(trial(0, {7: value}), 7, objectives) == WORST


def test_a_missing_metric_or_epoch_is_worst(trial) -> None:
    assert value_at(trial(0, {7: 0.4}), 20, MAP) == WORST
    assert value_at(trial(0, {7: 0.4}), 7, (Objective(metric="rank1"),)) == WORST


def test_scores_are_shown_in_their_own_direction() -> None:
    assert show(-0.25, LOSS) == "mAP 0.250"
    assert show(WORST, MAP) == "failed"


def test_a_forecast_lifts_by_the_median_gain_of_those_who_went_on(trial) -> None:
    trials = [trial(0, {7: 0.2, 20: 0.3}), trial(1, {7: 0.3, 20: 0.5}), trial(2, {7: 0.1})]

    scores = forecast(trials, (7, 20, 60), MAP)

    assert scores == pytest.approx({0: 0.3, 1: 0.5, 2: 0.25})


def test_failures_are_forecast_as_worst_and_unknown_trials_not_at_all(trial) -> None:
    trials = [
        trial(0, {7: 0.9}, to_epoch=20, status=TrialStatus.FAILED),
        trial(1, {7: math.nan}),
        trial(2, to_epoch=7),
        trial(3, {7: 0.1}, status=TrialStatus.STOPPED),
    ]

    assert forecast(trials, (7, 20), MAP) == {0: WORST, 1: WORST, 3: 0.1}
