from __future__ import annotations

import math

import pytest
import torch

from reid_core.losses import Spread, adaptive_cross_entropy, cross_entropy


def slow_cross_entropy(logits, targets, smoothing, spread):
    """The definition, one image and one class at a time; `smoothing` is one number an image."""
    classes, total = logits.shape[1], 0.0
    for row, target, share in zip(logits.tolist(), targets.tolist(), smoothing, strict=True):
        largest = max(row)
        normaliser = largest + math.log(sum(math.exp(value - largest) for value in row))
        for column, value in enumerate(row):
            if spread is Spread.ALL_CLASSES:
                wanted = share / classes + (1 - share if column == target else 0)
            else:
                wanted = 1 - share if column == target else share / (classes - 1)
            total -= wanted * (value - normaliser)
    return total / len(targets)


@pytest.mark.parametrize("spread", list(Spread))
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
def test_loss_and_gradient_follow_the_definition(batch, smoothing, spread):
    logits, targets = batch
    loss = cross_entropy(logits, targets, smoothing=smoothing, spread=spread)
    expected = slow_cross_entropy(logits.detach(), targets, [smoothing] * 6, spread)
    assert loss.item() == pytest.approx(expected, rel=1e-12)
    assert torch.autograd.gradcheck(lambda x: cross_entropy(x, targets, smoothing=smoothing, spread=spread), (logits,))


def test_adaptive_smoothing_follows_the_definition(batch):
    logits, targets = batch
    sure = logits.detach().softmax(1)[range(6), targets]
    expected = slow_cross_entropy(logits.detach(), targets, (0.2 * sure).tolist(), Spread.OTHER_CLASSES)
    assert adaptive_cross_entropy(logits, targets, alpha=0.2).item() == pytest.approx(expected, rel=1e-12)


def test_adaptive_smoothing_itself_carries_no_gradient(batch):
    logits, targets = batch
    adaptive_cross_entropy(logits, targets, alpha=0.2).backward()
    probabilities = logits.detach().softmax(1)
    share = 0.2 * probabilities[range(6), targets][:, None]
    wanted = torch.where(torch.nn.functional.one_hot(targets, 5).bool(), 1 - share, share / 4)
    torch.testing.assert_close(logits.grad, (probabilities - wanted) / 6)


@pytest.mark.parametrize("loss", [cross_entropy, lambda x, y: adaptive_cross_entropy(x, y, alpha=0.2)])
def test_logits_over_88_stay_finite(loss):
    logits = torch.tensor([[1000.0, -1000.0, 0.0], [-500.0, 500.0, 90.0]], requires_grad=True)
    value = loss(logits, torch.tensor([1, 1]))
    value.backward()
    assert value.isfinite()
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_logits_are_summed_in_float32(batch, dtype):
    logits, targets = batch
    short = logits.detach().to(dtype)
    loss = cross_entropy(short, targets, smoothing=0.1)
    assert loss.dtype is torch.float32
    torch.testing.assert_close(loss, cross_entropy(short.float(), targets, smoothing=0.1), rtol=0, atol=0)


def test_perfectly_fitted_images_count_in_the_mean():
    logits = torch.tensor([[1000.0, 0.0], [0.0, 0.0]])
    assert cross_entropy(logits, torch.tensor([0, 0])).item() == pytest.approx(math.log(2) / 2)


@pytest.mark.parametrize("spread", list(Spread))
def test_one_class_has_nothing_to_learn(spread):
    logits = torch.randn(3, 1, requires_grad=True)
    loss = cross_entropy(logits, torch.zeros(3, dtype=torch.long), smoothing=0.1, spread=spread)
    loss.backward()
    assert loss.item() == 0.0
    assert not logits.grad.any()
