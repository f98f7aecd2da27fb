from __future__ import annotations

import pytest
import torch

from reid_core.losses import CenterLoss, center_loss


def slow_center(features, targets, centers):
    total = 0.0
    for feature, target in zip(features.tolist(), targets.tolist(), strict=True):
        total += sum((a - b) ** 2 for a, b in zip(feature, centers[target].tolist(), strict=True))
    return total / len(targets)


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(5, 3, generator=generator, dtype=torch.float64)
    centers = torch.randn(4, 3, generator=generator, dtype=torch.float64)
    return features.requires_grad_(), torch.tensor([0, 0, 3, 0, 1]), centers.requires_grad_()


def test_loss_and_both_gradients_follow_the_definition(batch):
    features, targets, centers = batch
    expected = slow_center(features.detach(), targets, centers.detach())
    assert center_loss(features, targets, centers).item() == pytest.approx(expected, rel=1e-12)
    assert torch.autograd.gradcheck(lambda x, c: center_loss(x, targets, c), (features, centers))


def test_center_without_an_image_in_the_batch_does_not_move(batch):
    features, targets, centers = batch
    center_loss(features, targets, centers).backward()
    assert not centers.grad[2].any()


def test_feature_on_its_center_has_loss_and_gradient_zero():
    features = torch.ones(2, 3, requires_grad=True)
    loss = center_loss(features, torch.tensor([1, 1]), torch.ones(2, 3))
    loss.backward()
    assert loss.item() == 0.0
    assert not features.grad.any()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_features_are_measured_in_float32(dtype):
    features = torch.full((2, 8), 300.0, dtype=dtype)  # squares overflow float16
    assert center_loss(features, torch.tensor([0, 0]), torch.zeros(1, 8)).item() == pytest.approx(8 * 300**2)


def test_module_keeps_one_center_an_identity():
    loss = CenterLoss(7, 3)
    assert loss.state_dict()["centers"].shape == (7, 3)
    assert loss(torch.zeros(2, 3), torch.tensor([6, 6])).item() == pytest.approx(loss.centers[6].square().sum().item())
