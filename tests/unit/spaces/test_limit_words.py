"""Limits in words: times, targets, and where a faulty one stands in a space's file."""

from __future__ import annotations

import math

import pytest

from reid_core.errors import SpaceError
from search_spaces.limits import parse_target, parse_wall_time, target_fault
from search_spaces.load import load_space
from search_spaces.model import Objective, lower_is_better

METRICS, UNBOUNDED, LOWER = ("mAP", "loss"), ("loss",), ("loss",)
SPACE = "name: x\nbudget: {max_epochs: 9, min_epochs: 1, %s}\nparameters:\n  a: {type: float, low: 0.0, high: 1.0}\n"


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("45m", 2700), ("8h", 28800), ("2d", 172800), ("1.5h", 5400), (" 10 s ", 10)]
)
def test_a_time_is_a_number_and_a_unit(text, seconds):
    assert parse_wall_time(text) == seconds


@pytest.mark.parametrize("text", ["90", "8 hours", "0s", "-1h", "1h30m", "h", "infs", "nand", "9" * 400 + "d"])
def test_anything_else_is_no_time(text):
    with pytest.raises(ValueError, match="is not a time"):
        parse_wall_time(text)


@pytest.mark.parametrize(
    ("text", "spelled"), [("mAP>=0.6", "mAP >= 0.6"), ("  loss <= 1e-1", "loss <= 0.1"), ("rank1 >= 1", "rank1 >= 1")]
)
def test_a_target_has_one_spelling(text, spelled):
    assert str(parse_target(text)) == spelled
    assert parse_target(spelled) == parse_target(text)


@pytest.mark.parametrize("text", ["mAP", "mAP > 0.6", "mAP >= much", "mAP >= nan", ">= 0.6", "mAP == 0.6", "a.b >= 1"])
def test_anything_else_is_no_target(text):
    with pytest.raises(ValueError, match="is not a target"):
        parse_target(text)


def test_a_target_is_met_at_its_value_and_never_by_nan_or_a_missing_metric():
    high, low = parse_target("mAP >= 0.6"), parse_target("loss <= 1")
    assert [high.met_by({"mAP": value}) for value in (0.59, 0.6, 0.61, math.nan)] == [False, True, True, False]
    assert [low.met_by({"loss": value}) for value in (0.9, 1.0, 1.1, math.nan)] == [True, True, False, False]
    assert not high.met_by({"loss": 1.0})
    assert not low.met_by({})


def test_a_target_in_percent_is_told_its_fraction():
    code, message, hint = target_fault(parse_target("mAP >= 60"), METRICS, UNBOUNDED, LOWER)
    assert (code, message, hint) == ("out-of-range", "mAP is a fraction in [0, 1], not 60", "write 0.6 for 60 %")
    assert target_fault(parse_target("loss <= 60"), METRICS, UNBOUNDED, LOWER) is None
    assert target_fault(parse_target("map >= 0.6"), METRICS, UNBOUNDED, LOWER)[0] == "unknown-metric"


@pytest.mark.parametrize(
    ("target", "way", "instead"), [("mAP <= 0.99", "higher", "mAP >= 0.99"), ("loss >= 1", "lower", "loss <= 1")]
)
def test_a_target_against_the_goal_is_told_the_other_way(target, way, instead):
    code, message, hint = target_fault(parse_target(target), METRICS, UNBOUNDED, LOWER)
    assert (code, hint) == ("target-against-goal", f"write {instead}")
    assert f"is better the {way} it is" in message


def test_the_goal_of_an_objective_comes_before_the_nature_of_its_metric():
    assert lower_is_better([Objective(metric="mAP")]) == {"loss", "latency_ms", "parameters", "flops"}
    turned = [Objective(metric="mAP", goal="minimize"), Objective(metric="flops", goal="maximize")]
    assert lower_is_better(turned) == {"loss", "latency_ms", "parameters", "mAP"}


@pytest.mark.parametrize(
    ("limit", "code", "col"),
    [
        ("wall_time: soon", "bad-wall-time", 40),
        ("target: mAP", "bad-target", 40),
        ("target: nope >= 0.5", "unknown-metric", 40),
        ("target: mAP >= 50", "out-of-range", 40),
        ("target: mAP <= 0.99", "target-against-goal", 40),
        ("target: latency_ms >= 5", "target-against-goal", 40),
        ("epochs: 0", "out-of-range", 40),
        ("gpu_hours: -1", "out-of-range", 40),
        ("gpu_hours: many", "wrong-type", 40),
    ],
)
def test_a_faulty_limit_of_a_space_is_shown_where_it_stands(limit, code, col):
    with pytest.raises(SpaceError) as caught:
        load_space(SPACE % limit)
    (found,) = caught.value.findings
    assert (found.code, found.line) == (code, 2)
    assert found.col >= col - 5
    assert found.key == "budget"


def test_limits_of_a_space_survive_another_length():
    text = SPACE % "epochs: 50, gpu_hours: 2.5, wall_time: 8h, target: mAP >= 0.6"
    budget = load_space(text, max_epochs=3).space.budget
    assert (budget.epochs, budget.gpu_hours, budget.wall_time, budget.target) == (50, 2.5, "8h", "mAP >= 0.6")
    assert budget.max_epochs == 3


def test_a_metric_with_a_minus_in_its_name_can_be_a_target():
    target = parse_target("tpr_at_fpr_1e-2 >= 0.9")
    assert (target.metric, target.at_most, target.value) == ("tpr_at_fpr_1e-2", False, 0.9)
    assert parse_target("mAP>=0.6").metric == "mAP"
