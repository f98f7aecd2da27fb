from __future__ import annotations

import math

import pytest
import torch

from reid_core.losses import circle_loss, cosface_loss

EQUAL = [0, 0, 0, 1, 1, 1, 2, 2, 2]
UNEQUAL = [0, 0, 0, 0, 1, 1, 2, 3, 3]  # identity 2 has one image: no positive
LOSSES = [circle_loss, cosface_loss]


def slow_scores(loss, cosine, margin, gamma, *, positive):
    """The exponent of one pair."""
    if loss is cosface_loss:
        return -gamma * cosine if positive else gamma * (cosine + margin)
    if positive:
        return -gamma * max(0.0, 1 + margin - cosine) * (cosine - 1 + margin)
    return gamma * max(0.0, cosine + margin) * (cosine - margin)


def slow_pairwise(loss, features, identities, *, margin, gamma):
    """The definition, one anchor and one pair at a time, in floats."""
    terms = []
    for i, own in enumerate(identities):
        sums = {True: 0.0, False: 0.0}
        for j, other in enumerate(identities):
            if i != j:
                cosine = torch.cosine_similarity(features[i], features[j], dim=0).item()
                positive = own == other
                sums[positive] += math.exp(slow_scores(loss, cosine, margin, gamma, positive=positive))
        terms.append(math.log1p(sums[True] * sums[False]))
    return sum(terms) / len(terms)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("margin", "gamma"), [(0.25, 16), (0.4, 64), (0.0, 1)])
@pytest.mark.parametrize("identities", [EQUAL, UNEQUAL], ids=["equal", "unequal"])
def test_loss_follows_the_definition(features, loss, identities, margin, gamma):
    expected = slow_pairwise(loss, features.detach(), identities, margin=margin, gamma=gamma)
    assert expected > 0
    assert loss(features, torch.tensor(identities), margin=margin, gamma=gamma).item() == pytest.approx(expected, 1e-9)


@pytest.mark.parametrize("identities", [EQUAL, UNEQUAL], ids=["equal", "unequal"])
def test_gradient_of_cosface_is_that_of_the_loss(features, identities):
    targets = torch.tensor(identities)
    assert torch.autograd.gradcheck(lambda x: cosface_loss(x, targets, margin=0.25, gamma=8), (features,))


def test_weights_of_the_circle_loss_carry_no_gradient(features):
    """Its gradient is that of scores whose weights are numbers."""
    targets = torch.tensor(UNEQUAL)
    with torch.no_grad():
        unit = torch.nn.functional.normalize(features)
        fixed = unit @ unit.T
        same = targets[:, None] == targets
        up, down = (1.25 - fixed).clamp(min=0), (fixed + 0.25).clamp(min=0)

    def frozen(x):
        unit = torch.nn.functional.normalize(x)
        cosines = unit @ unit.T
        positive = (-8 * up * (cosines - 0.75)).exp() * (same & ~torch.eye(9, dtype=torch.bool))
        negative = (8 * down * (cosines - 0.25)).exp() * ~same
        return (positive.sum(1) * negative.sum(1)).log1p().mean()

    assert torch.autograd.gradcheck(frozen, (features,))
    (want,) = torch.autograd.grad(frozen(features), features)
    (got,) = torch.autograd.grad(circle_loss(features, targets, margin=0.25, gamma=8), features)
    torch.testing.assert_close(got, want)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("identities", [[0] * 9, list(range(9))], ids=["one-identity", "no-positives"])
def test_batch_without_pairs_of_both_kinds_has_loss_and_gradient_zero(features, loss, identities):
    value = loss(features, torch.tensor(identities), margin=0.25, gamma=128)
    value.backward()
    assert value.item() == 0.0
    assert not features.grad.any()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("sign", [1.0, -1.0], ids=["duplicates", "opposites"])
def test_cosines_of_plus_and_minus_one_stay_finite(loss, sign):
    features = torch.ones(4, 5) * torch.tensor([1.0, 1.0, sign, sign])[:, None]
    features.requires_grad_()
    value = loss(features, torch.tensor([0, 1, 0, 1]), margin=0.25, gamma=128)
    value.backward()
    assert value.isfinite()
    assert features.grad.isfinite().all()


@pytest.mark.parametrize("loss", LOSSES)
def test_exponents_over_88_are_summed_without_overflow(loss):
    features = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [1.0, 0.1]], requires_grad=True)
    value = loss(features, torch.tensor([0, 0, 1]), margin=0.25, gamma=1000)
    value.backward()
    assert value.item() > 88
    assert value.isfinite()
    assert features.grad.isfinite().all()
    assert features.grad.any()


@pytest.mark.parametrize("loss", LOSSES)
def test_feature_of_length_zero_has_a_finite_gradient(loss):
    features = torch.zeros(4, 3, requires_grad=True)
    value = loss(features, torch.tensor([0, 0, 1, 1]), margin=0.25, gamma=128)
    value.backward()
    assert value.isfinite()
    assert features.grad.isfinite().all()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_features_are_compared_in_float32(loss, dtype):
    features = (300 * torch.randn(8, 16, generator=torch.Generator().manual_seed(0))).to(dtype).requires_grad_()
    targets = torch.arange(8) // 2
    value = loss(features, targets, margin=0.25, gamma=128)
    value.backward()
    assert value.dtype is torch.float32
    torch.testing.assert_close(value, loss(features.detach().float(), targets, margin=0.25, gamma=128), rtol=0, atol=0)
    assert features.grad.isfinite().all()


@pytest.mark.parametrize("loss", LOSSES)
def test_loss_does_not_depend_on_the_length_of_features_nor_on_their_order(features, loss):
    targets, order = torch.tensor(UNEQUAL), torch.randperm(9, generator=torch.Generator().manual_seed(1))
    want = loss(features, targets, margin=0.25, gamma=64)
    lengths = torch.linspace(0.1, 10.0, 9, dtype=torch.float64)[:, None]
    torch.testing.assert_close(loss((features * lengths)[order], targets[order], margin=0.25, gamma=64), want)
