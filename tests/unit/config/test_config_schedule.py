"""Scaling a schedule: proportions kept, limits held, nothing else touched."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reid_core.config import from_values, load_config, scale_to
from reid_core.errors import ConfigError, UsageError


def test_the_bag_of_tricks_schedule_shrinks_in_proportion():
    values = load_config("bag_of_tricks").values
    scaled = scale_to(values, 60)
    changed = {key: value for key, value in scaled.items() if value != values[key]}
    assert changed == {
        "SOLVER.MAX_EPOCH": 60,
        "SOLVER.STEPS": [20, 35],
        "SOLVER.WARMUP_EPOCHS": 5.0,
        "SOLVER.WARMUP_ITERS": 500,
    }


def test_the_same_length_changes_nothing():
    values = load_config("bnneck").values
    assert scale_to(values, 60) == values


def test_scaling_leaves_its_argument_alone():
    values = {"SOLVER.MAX_EPOCH": 10, "SOLVER.STEPS": [5]}
    scale_to(values, 20)
    assert values == {"SOLVER.MAX_EPOCH": 10, "SOLVER.STEPS": [5]}


@pytest.mark.parametrize(
    ("steps", "old", "new", "expected"),
    [
        ([40, 70], 120, 9, [3, 5]),
        ([40, 70], 120, 3, [1, 2]),
        ([40, 70], 120, 2, [1]),
        ([40, 70], 120, 1, []),
        ([118, 119], 120, 12, [10, 11]),
        ([1, 2, 3], 120, 12, [1]),
        ([40, 130], 120, 12, [4]),
        ([], 120, 12, []),
    ],
)
def test_milestones_stay_inside_and_in_order(steps, old, new, expected):
    assert scale_to({"SOLVER.MAX_EPOCH": old, "SOLVER.STEPS": steps}, new)["SOLVER.STEPS"] == expected


@pytest.mark.slow
@given(
    old=st.integers(1, 400),
    new=st.integers(1, 400),
    steps=st.lists(st.integers(1, 400), unique=True, max_size=6).map(sorted),
    warmup=st.floats(0.0, 1.0),
    delay=st.integers(0, 399),
    iterations=st.none() | st.integers(1, 500),
)
@settings(max_examples=150, deadline=None)
def test_a_scaled_schedule_is_always_valid(old, new, steps, warmup, delay, iterations):
    values = {
        "SOLVER.MAX_EPOCH": old,
        "SOLVER.STEPS": steps,
        "SOLVER.WARMUP_EPOCHS": warmup * old,
        "SOLVER.DELAY_EPOCHS": min(delay, old - 1),
        "SOLVER.SCHED": "CosineAnnealingLR",
    }
    solver = from_values(scale_to(values, new, iterations)).solver
    assert solver.max_epoch == new
    assert all(0 < step < new for step in solver.steps)
    assert solver.warmup_epochs == pytest.approx(warmup * new, abs=1e-9)
    assert abs(solver.delay_epochs - min(delay, old - 1) * new / old) <= 1


def test_warm_up_iterations_leave_three_quarters_of_a_small_training():
    values = {"SOLVER.MAX_EPOCH": 60, "SOLVER.WARMUP_ITERS": 2000, "SOLVER.FREEZE_ITERS": 1000}
    assert scale_to(values, 30)["SOLVER.WARMUP_ITERS"] == 1000
    scaled = scale_to(values, 30, iters_per_epoch=8)
    assert (scaled["SOLVER.WARMUP_ITERS"], scaled["SOLVER.FREEZE_ITERS"]) == (60, 60)


def test_periods_are_at_least_one_epoch_and_zero_stays_zero():
    values = {"SOLVER.MAX_EPOCH": 120, "SOLVER.CHECKPOINT_PERIOD": 20, "TEST.EVAL_PERIOD": 0}
    scaled = scale_to(values, 2)
    assert (scaled["SOLVER.CHECKPOINT_PERIOD"], scaled["TEST.EVAL_PERIOD"]) == (1, 0)
    assert scale_to(values | {"TEST.EVAL_PERIOD": 30}, 12)["TEST.EVAL_PERIOD"] == 3


def test_a_training_of_no_epochs_is_refused():
    with pytest.raises(UsageError):
        scale_to({}, 0)


def test_values_of_the_wrong_type_are_refused():
    with pytest.raises(ConfigError):
        scale_to({"SOLVER.STEPS": "40"}, 3)
