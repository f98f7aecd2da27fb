from __future__ import annotations

import math
from dataclasses import replace

import pytest

from reid_core.config.convert import tree_of
from reid_core.solver import (
    Counting,
    Decay,
    ScheduleSettings,
    Unit,
    Warmup,
    build_schedule,
    learning_rate,
)

PER_EPOCH = 10
STEPS = ScheduleSettings(base_lr=1.0, max_epochs=30, milestones=(10, 20), warmup_iterations=25)
COSINE = ScheduleSettings(base_lr=1.0, max_epochs=30, decay=Decay.COSINE, eta_min_lr=0.1)


def rate(settings, iteration):
    return learning_rate(iteration, settings, PER_EPOCH)


def test_linear_warm_up_rises_every_iteration_from_its_factor_to_the_base():
    assert rate(STEPS, 0) == pytest.approx(0.1)
    assert rate(STEPS, 5) == pytest.approx(0.1 + 0.9 * 5 / 25)
    assert rate(STEPS, 24) == pytest.approx(0.1 + 0.9 * 24 / 25)
    assert rate(STEPS, 25) == 1.0


def test_constant_warm_up_jumps_to_the_base():
    settings = replace(STEPS, warmup=Warmup.CONSTANT, warmup_factor=0.3)
    assert {rate(settings, step) for step in range(25)} == {0.3}
    assert rate(settings, 25) == 1.0


def test_warm_up_in_epochs_beats_the_one_in_iterations():
    settings = replace(STEPS, warmup_epochs=1.5)
    assert rate(settings, 14) == pytest.approx(0.1 + 0.9 * 14 / 15)
    assert rate(settings, 15) == 1.0


def test_warm_up_moving_once_an_epoch_stands_still_within_it():
    settings = replace(STEPS, warmup_epochs=4, warmup_unit=Unit.EPOCH)
    assert [rate(settings, step) for step in (0, 9, 10, 39, 40)] == pytest.approx([0.1, 0.1, 0.325, 0.775, 1.0])


def test_no_warm_up_starts_at_the_base():
    assert rate(replace(STEPS, warmup_iterations=0), 0) == 1.0


@pytest.mark.parametrize("warmup", [0, 25, 60])
def test_milestones_count_from_the_start_whatever_the_warm_up(warmup):
    settings = replace(STEPS, warmup_iterations=warmup)
    assert [rate(settings, step) for step in (99, 100, 199, 200, 299)] == pytest.approx([1, 0.1, 0.1, 0.01, 0.01])


def test_fastreids_counting_moves_milestones_by_the_warm_up():
    settings = replace(STEPS, counting=Counting.AFTER_WARMUP)
    assert [rate(settings, step) for step in (119, 120, 219, 220)] == pytest.approx([1, 0.1, 0.1, 0.01])


def test_cosine_falls_from_the_base_to_its_end_over_all_epochs():
    assert rate(COSINE, 0) == 1.0
    assert rate(COSINE, 150) == pytest.approx(0.55)
    assert rate(COSINE, 75) == pytest.approx(0.1 + 0.9 * (1 + math.cos(math.pi / 4)) / 2)
    assert rate(COSINE, 300) == pytest.approx(0.1)
    assert all(rate(COSINE, step) > rate(COSINE, step + 1) for step in range(300))


@pytest.mark.parametrize(("delay", "warmup", "start"), [(12, 25, 120), (0, 25, 25), (2, 25, 25)])
def test_cosine_waits_for_warm_up_and_delay(delay, warmup, start):
    settings = replace(COSINE, delay_epochs=delay, warmup_iterations=warmup)
    assert rate(settings, start) == 1.0
    assert rate(settings, start + 1) < 1.0
    assert rate(settings, start + (300 - start) // 2) == pytest.approx(0.55, abs=0.01)


@pytest.mark.parametrize("counting", list(Counting))
@pytest.mark.parametrize("decay", list(Decay))
def test_rate_stays_positive_and_finite_where_nothing_fits(decay, counting):
    settings = ScheduleSettings(
        base_lr=1.0, max_epochs=1, decay=decay, delay_epochs=9, warmup_iterations=1000, counting=counting
    )
    assert all(0 < rate(settings, step) <= 1 for step in range(2000))


def test_configuration_reaches_the_schedule():
    config = tree_of(
        {
            "SOLVER.BASE_LR": 2.0e-3,
            "SOLVER.SCHED": "CosineAnnealingLR",
            "SOLVER.MAX_EPOCH": 8,
            "SOLVER.ETA_MIN_LR": 1.0e-5,
            "SOLVER.DELAY_EPOCHS": 2,
            "SOLVER.STEPS": [3, 5],
            "SOLVER.GAMMA": 0.5,
            "SOLVER.WARMUP_METHOD": "constant",
            "SOLVER.WARMUP_FACTOR": 0.2,
            "SOLVER.WARMUP_ITERS": 7,
            "SOLVER.WARMUP_EPOCHS": 1.5,
        }
    )
    assert build_schedule(config) == ScheduleSettings(
        base_lr=2.0e-3,
        max_epochs=8,
        decay=Decay.COSINE,
        milestones=(3, 5),
        gamma=0.5,
        delay_epochs=2,
        eta_min_lr=1.0e-5,
        warmup=Warmup.CONSTANT,
        warmup_factor=0.2,
        warmup_iterations=7,
        warmup_epochs=1.5,
    )
