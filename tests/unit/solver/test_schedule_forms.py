"""Schedules chosen by configuration keys, against the schedulers they are named after, stepped as their owners do."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, MultiStepLR, OneCycleLR

from reid_core.config import from_values, load_config
from reid_core.errors import ConfigError
from reid_core.solver import build_schedule, learning_rate


def ours(values, per_epoch):
    config = from_values(values)
    schedule = build_schedule(config)
    count = config.solver.max_epoch * per_epoch
    return [learning_rate(iteration, schedule, per_epoch) for iteration in range(count)]


def optimizer(rate):
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=rate)


def fastreids(values, per_epoch):
    """Warm-up steps with each iteration while it lasts, the decay with each epoch that ends beyond it and the delay."""
    rate, warmup, delay = values["SOLVER.BASE_LR"], values["SOLVER.WARMUP_ITERS"], values["SOLVER.DELAY_EPOCHS"]
    epochs = values["SOLVER.MAX_EPOCH"]
    one = optimizer(rate)
    if values["SOLVER.SCHED"] == "MultiStepLR":
        decay = MultiStepLR(one, values["SOLVER.STEPS"], values["SOLVER.GAMMA"])
    else:
        length = epochs - max(math.ceil(warmup / per_epoch), delay)
        decay = CosineAnnealingLR(one, length, values["SOLVER.ETA_MIN_LR"])
    rise = None
    if warmup:
        first = values["SOLVER.WARMUP_FACTOR"]
        shape = {
            "linear": lambda step: first * (1 - step / warmup) + step / warmup,
            "constant": lambda _: first,
            "exp": lambda step: first ** (1 - step / warmup),
            "burnin": lambda step: (step / warmup) ** 4,
        }[values["SOLVER.WARMUP_METHOD"]]
        rise = LambdaLR(one, lambda step: 1.0 if step >= warmup else shape(step))
    rates, iteration = [], 0
    for epoch in range(epochs):
        for _ in range(per_epoch):
            rates.append(one.param_groups[0]["lr"])
            one.step()
            iteration += 1
            if rise is not None and iteration <= warmup:
                rise.step()
        if iteration > warmup and epoch + 1 > delay:
            decay.step()
    return rates


@pytest.mark.slow
@given(data=st.data())
@settings(max_examples=25, deadline=None)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_counting_after_warm_up_is_fastreids_schedule_at_every_iteration(data):
    draw = data.draw
    epochs, per_epoch = draw(st.integers(4, 16)), draw(st.integers(1, 7))
    warmup = draw(st.integers(0, per_epoch * (epochs - 2)))
    values = {
        "SOLVER.STEPS_COUNT": "after_warmup",
        "SOLVER.SCHED": draw(st.sampled_from(["MultiStepLR", "CosineAnnealingLR"])),
        "SOLVER.BASE_LR": 3.5e-4,
        "SOLVER.MAX_EPOCH": epochs,
        "SOLVER.STEPS": sorted(draw(st.sets(st.integers(1, epochs), max_size=3))),
        "SOLVER.GAMMA": draw(st.sampled_from([0.1, 0.5])),
        "SOLVER.ETA_MIN_LR": draw(st.sampled_from([1e-7, 7e-6])),
        "SOLVER.DELAY_EPOCHS": draw(st.integers(0, epochs - 2)),
        "SOLVER.WARMUP_ITERS": warmup,
        "SOLVER.WARMUP_FACTOR": draw(st.sampled_from([0.01, 0.1])),
        "SOLVER.WARMUP_METHOD": draw(st.sampled_from(["linear", "constant", "exp", "burnin"])),
    }
    assert ours(values, per_epoch) == pytest.approx(fastreids(values, per_epoch), rel=1e-9, abs=1e-18)


def test_the_bag_of_tricks_recipe_trains_with_the_papers_rate_in_every_epoch():
    config = load_config("bag_of_tricks").config
    schedule = build_schedule(config)
    for epoch in range(120):
        rise = 0.01 * (1 - epoch / 10) + epoch / 10 if epoch < 10 else 1.0
        want = 3.5e-4 * rise * 0.1 ** ((epoch >= 40) + (epoch >= 70))
        for iteration in (0, 88, 186):
            assert learning_rate(epoch * 187 + iteration, schedule, 187) == pytest.approx(want, rel=1e-12)


@pytest.mark.parametrize(
    ("unit", "epochs", "per_epoch", "share"),
    [("iteration", 12, 9, 0.3), ("iteration", 1, 7, 0.9), ("epoch", 12, 9, 0.3), ("epoch", 3, 4, 0.25)],
)
def test_one_cycle_is_torchs_over_all_its_steps(unit, epochs, per_epoch, share):
    values = {
        "SOLVER.SCHED": "OneCycleLR",
        "SOLVER.SCHED_UNIT": unit,
        "SOLVER.BASE_LR": 0.1,
        "SOLVER.MAX_EPOCH": epochs,
        "SOLVER.ONE_CYCLE.PCT_START": share,
        "SOLVER.ONE_CYCLE.DIV_FACTOR": 10.0,
        "SOLVER.ONE_CYCLE.FINAL_DIV_FACTOR": 100.0,
    }
    one = optimizer(0.1)
    held = 1 if unit == "iteration" else per_epoch
    steps = epochs * per_epoch // held
    cycle = OneCycleLR(
        one, 0.1, total_steps=steps, pct_start=share, div_factor=10.0, final_div_factor=100.0, cycle_momentum=False
    )
    want = []
    for step in range(steps):
        want += [one.param_groups[0]["lr"]] * held
        one.step()
        if step < steps - 1:
            cycle.step()
    assert ours(values, per_epoch) == pytest.approx(want, rel=1e-9)


@pytest.mark.parametrize("share", [0.01, 0.3, 0.5, 0.99])
@pytest.mark.parametrize(("epochs", "per_epoch"), [(1, 1), (1, 2), (2, 1), (5, 2)])
def test_one_cycle_of_a_few_iterations_stays_between_its_ends(epochs, per_epoch, share):
    values = {
        "SOLVER.SCHED": "OneCycleLR",
        "SOLVER.BASE_LR": 1.0,
        "SOLVER.MAX_EPOCH": epochs,
        "SOLVER.ONE_CYCLE.PCT_START": share,
    }
    assert all(1 / 25e4 - 1e-12 <= rate <= 1.0 for rate in ours(values, per_epoch))


def test_a_cosine_that_moves_once_an_epoch_stands_still_within_it():
    values = {"SOLVER.SCHED": "CosineAnnealingLR", "SOLVER.MAX_EPOCH": 4, "SOLVER.WARMUP_ITERS": 0}
    smooth = ours(values, 3)
    steps = ours(values | {"SOLVER.SCHED_UNIT": "epoch"}, 3)
    assert steps == [smooth[iteration // 3 * 3] for iteration in range(12)]


@pytest.mark.parametrize(("rule", "want"), [("none", 3e-4), ("linear", 6e-4), ("sqrt", 3e-4 * math.sqrt(2))])
def test_the_rate_follows_the_batch_by_its_rule(rule, want):
    values = {"SOLVER.LR_SCALE_RULE": rule, "SOLVER.IMS_PER_BATCH": 128, "SOLVER.BASE_LR": 3e-4}
    assert build_schedule(from_values(values)).base_lr == pytest.approx(want, rel=1e-12)


def test_an_end_of_the_cosine_above_the_scaled_rate_is_refused():
    small = {
        "SOLVER.SCHED": "CosineAnnealingLR",
        "SOLVER.ETA_MIN_LR": 1e-4,
        "SOLVER.IMS_PER_BATCH": 8,
        "SOLVER.BASE_LR": 3e-4,
    }
    from_values(small)
    with pytest.raises(ConfigError, match=r"ETA_MIN_LR \(0\.0001\) is above SOLVER\.BASE_LR \(3\.75e-05\)"):
        from_values(small | {"SOLVER.LR_SCALE_RULE": "linear"})
