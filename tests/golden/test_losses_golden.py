"""Losses, classifiers, pooling and schedules against the numbers recorded from the references (shared/golden)."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from reid_core.losses import (
    Metric,
    Mining,
    Spread,
    adaptive_cross_entropy,
    center_loss,
    cross_entropy,
    triplet_loss,
)
from reid_core.modeling.heads import Classifier, ClassifierKind
from reid_core.modeling.layers import GeneralizedMean, GeneralizedMeanLearned, Pool, make_pool
from reid_core.solver import Counting, Decay, ScheduleSettings, WarmupUnit, learning_rate

pytestmark = pytest.mark.shared

_SHARED = Path(os.environ.get("REID_SHARED", Path(__file__).parents[3] / "shared"))
_GOLDEN = Path(os.environ.get("REID_GOLDEN", _SHARED / "golden"))


def cases_of(function):
    if not (_GOLDEN / "cases.json").is_file():
        return [pytest.param(None, id="golden-absent")]
    cases = json.loads((_GOLDEN / "cases.json").read_text())
    return [pytest.param(case, id=case["id"]) for case in cases if case["function"] == function]


def arrays(case):
    """Inputs as tensors, outputs as arrays, both by argument name."""
    if case is None:
        pytest.skip(f"no golden numbers in {_GOLDEN} (set REID_GOLDEN or REID_SHARED)")
    with np.load(_GOLDEN / case["file"]) as file:
        inputs = {name: torch.from_numpy(file[key]) for name, key in case["inputs"].items()}
        outputs = {name: file[key] for name, key in case["outputs"].items()}
    return inputs, outputs


def assert_close(got, want, rtol):
    got = got.detach().numpy() if isinstance(got, torch.Tensor) else np.asarray(got)
    assert got.shape == want.shape
    assert np.abs(got - want).max() <= rtol * np.abs(want).max()


def assert_loss_and_gradient(case, loss, given, outputs):
    loss.backward()
    assert_close(loss, outputs["loss"], case["rtol"])
    assert_close(given.grad, outputs["grad"], case["rtol"])


@pytest.mark.parametrize("case", cases_of("cross_entropy"))
def test_cross_entropy(case):
    inputs, outputs = arrays(case)
    logits = inputs["logits"].requires_grad_()
    spread = Spread(case["settings"]["spread"])
    loss = cross_entropy(logits, inputs["targets"], smoothing=case["settings"]["smoothing"], spread=spread)
    assert_loss_and_gradient(case, loss, logits, outputs)


@pytest.mark.parametrize("case", cases_of("cross_entropy_adaptive"))
def test_adaptive_cross_entropy(case):
    inputs, outputs = arrays(case)
    logits = inputs["logits"].requires_grad_()
    loss = adaptive_cross_entropy(logits, inputs["targets"], alpha=case["settings"]["alpha"])
    assert_loss_and_gradient(case, loss, logits, outputs)


@pytest.mark.parametrize("case", cases_of("triplet"))
def test_triplet(case):
    inputs, outputs = arrays(case)
    embedding, settings = inputs["embedding"].requires_grad_(), case["settings"]
    loss = triplet_loss(
        embedding,
        inputs["targets"],
        margin=settings["margin"],
        soft_margin=settings["margin"] == 0,
        metric=Metric(settings["metric"]),
        mining=Mining(settings["mining"]),
    )
    assert_loss_and_gradient(case, loss, embedding, outputs)


@pytest.mark.parametrize("case", cases_of("center"))
def test_center(case):
    inputs, outputs = arrays(case)
    embedding, centers = inputs["embedding"].requires_grad_(), inputs["centers"].requires_grad_()
    loss = center_loss(embedding, inputs["targets"], centers)
    assert_loss_and_gradient(case, loss, embedding, outputs)
    assert_close(centers.grad, outputs["grad_centers"], case["rtol"])


@pytest.mark.parametrize("case", cases_of("classifier"))
def test_classifier(case):
    inputs, outputs = arrays(case)
    features, settings = inputs["features"].requires_grad_(), case["settings"]
    classifier = Classifier(ClassifierKind(settings["type"]), settings["scale"], settings["margin"])
    logits, plain = classifier(features, inputs["weight"], inputs["targets"])
    (logits * inputs["cotangent"]).sum().backward()
    assert_close(logits, outputs["output"], case["rtol"])
    assert_close(plain, outputs["plain_logits"], case["rtol"])
    assert_close(features.grad, outputs["grad"], case["rtol"])


@pytest.mark.parametrize("case", cases_of("pooling"))
def test_pooling(case):
    inputs, outputs = arrays(case)
    kind, features = Pool(case["settings"]["type"]), inputs["features"]
    norm = case["settings"].get("norm", 3.0)
    with_exponent = {
        Pool.GENERALIZED_MEAN: lambda: GeneralizedMean(norm),
        Pool.GENERALIZED_MEAN_LEARNED: lambda: GeneralizedMeanLearned(norm),
    }
    pool = with_exponent[kind]() if kind in with_exponent else make_pool(kind)
    assert_close(pool(features), outputs["output"], case["rtol"])


@pytest.mark.parametrize("case", cases_of("lr_per_epoch"))
def test_bag_of_tricks_learning_rate_of_each_epoch(case):
    _, outputs = arrays(case)
    given = case["settings"]
    settings = ScheduleSettings(
        base_lr=given["base_lr"],
        max_epochs=given["epochs"],
        milestones=tuple(given["milestones"]),
        gamma=given["gamma"],
        warmup_factor=given["warmup_factor"],
        warmup_epochs=given["warmup_epochs"],
        warmup_unit=WarmupUnit.EPOCH,
    )
    for within in (0, 6):  # the first and the last of 7 iterations
        rates = [learning_rate(epoch * 7 + within, settings, 7) for epoch in range(given["epochs"])]
        assert_close(rates, outputs["lr"], case["rtol"])


@pytest.mark.parametrize("case", cases_of("lr_per_iteration"))
def test_fastreids_learning_rate_of_each_iteration(case):
    _, outputs = arrays(case)
    given = case["settings"]
    settings = ScheduleSettings(
        base_lr=given["base_lr"],
        max_epochs=given["epochs"],
        decay=Decay(given["schedule"]),
        milestones=tuple(given["steps"]),
        gamma=given["gamma"],
        delay_epochs=given["delay_epochs"],
        eta_min_lr=given["eta_min_lr"],
        warmup_factor=given["warmup_factor"],
        warmup_iterations=given["warmup_iterations"],
        counting=Counting.AFTER_WARMUP,
    )
    per_epoch = given["iterations_per_epoch"]
    rates = [learning_rate(step, settings, per_epoch) for step in range(per_epoch * given["epochs"])]
    assert_close(rates, outputs["lr"], case["rtol"])
