from __future__ import annotations

import math

import pytest
import torch

from reid_core.losses import cross_entropy, focal_loss


def slow_focal(logits, targets, alpha, gamma):
    total = 0.0
    for row, target in zip(logits.tolist(), targets.tolist(), strict=True):
        p = math.exp(row[target]) / sum(math.exp(value) for value in row)
        total -= alpha * (1 - p) ** gamma * math.log(p)
    return total / len(targets)


@pytest.mark.parametrize(("alpha", "gamma"), [(0.25, 2.0), (1.0, 0.5), (0.7, 5.0)])
def test_loss_and_gradient_follow_the_definition(batch, alpha, gamma):
    logits, targets = batch
    expected = slow_focal(logits.detach(), targets, alpha, gamma)
    assert focal_loss(logits, targets, alpha=alpha, gamma=gamma).item() == pytest.approx(expected, rel=1e-12)
    assert torch.autograd.gradcheck(lambda x: focal_loss(x, targets, alpha=alpha, gamma=gamma), (logits,))


def test_without_focus_it_is_cross_entropy(batch):
    logits, targets = batch
    torch.testing.assert_close(focal_loss(logits, targets, alpha=1.0, gamma=0.0), cross_entropy(logits, targets))


@pytest.mark.parametrize("gamma", [0.0, 0.1, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("target", [0, 1], ids=["sure-and-right", "sure-and-wrong"])
def test_logits_over_88_stay_finite(gamma, target):
    logits = torch.tensor([[1000.0, -1000.0, 90.0]], requires_grad=True)
    value = focal_loss(logits, torch.tensor([target]), alpha=0.25, gamma=gamma)
    value.backward()
    assert value.isfinite()
    assert logits.grad.isfinite().all()
    assert (value.item() == 0.0) is (target == 0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_logits_are_summed_in_float32(batch, dtype):
    logits, targets = batch[0].detach().to(dtype), batch[1]
    loss = focal_loss(logits, targets, alpha=0.25, gamma=2.0)
    assert loss.dtype is torch.float32
    torch.testing.assert_close(loss, focal_loss(logits.float(), targets, alpha=0.25, gamma=2.0), rtol=0, atol=0)


def test_one_class_has_nothing_to_learn():
    logits = torch.randn(3, 1, requires_grad=True)
    loss = focal_loss(logits, torch.zeros(3, dtype=torch.long), alpha=0.25, gamma=2.0)
    loss.backward()
    assert loss.item() == 0.0
    assert not logits.grad.any()
