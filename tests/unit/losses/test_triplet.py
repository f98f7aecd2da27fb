from __future__ import annotations

import math

import pytest
import torch

from reid_core.losses import Metric, Mining, triplet_loss

EQUAL = [0, 0, 0, 1, 1, 1, 2, 2, 2]
UNEQUAL = [0, 0, 0, 0, 1, 1, 2, 3, 3]  # identity 2 has one image: its only positive is itself
EVERY_FORM = [(metric, mining, soft) for metric in Metric for mining in Mining for soft in (False, True)]


def slow_distance(left, right, metric):
    if metric is Metric.COSINE:
        return 2 - 2 * torch.cosine_similarity(left, right, dim=0).item()
    return math.sqrt(sum((a - b) ** 2 for a, b in zip(left.tolist(), right.tolist(), strict=True)))


def slow_choice(distances, mining, sign):
    """The distance an anchor sees, of all its positives (sign 1) or negatives (sign -1)."""
    if mining is Mining.HARD:
        return sign * max(sign * value for value in distances)
    # FastReID shifts exponents by the row's largest score, in which every pair of the other kind stands with 0.
    shift = max([0.0, *(sign * value for value in distances)])
    weights = [math.exp(sign * value - shift) for value in distances]
    return sum(w * d for w, d in zip(weights, distances, strict=True)) / (sum(weights) + 1e-6)


def slow_triplet(features, identities, metric, mining, *, soft, margin):
    """The definition, one anchor at a time."""
    terms = []
    for anchor, identity in enumerate(identities):
        away = [slow_distance(features[anchor], other, metric) for other in features]
        positives = [value for value, other in zip(away, identities, strict=True) if other == identity]
        negatives = [value for value, other in zip(away, identities, strict=True) if other != identity]
        if negatives:
            gap = slow_choice(positives, mining, 1) - slow_choice(negatives, mining, -1)
            terms.append(math.log1p(math.exp(gap)) if soft else max(0.0, gap + margin))
    return sum(terms) / max(len(terms), 1)


@pytest.mark.parametrize(("metric", "mining", "soft"), EVERY_FORM)
@pytest.mark.parametrize("identities", [EQUAL, UNEQUAL], ids=["equal", "unequal"])
def test_loss_follows_the_definition(features, identities, metric, mining, soft):
    loss = triplet_loss(features, torch.tensor(identities), margin=0.5, soft_margin=soft, metric=metric, mining=mining)
    expected = slow_triplet(features.detach(), identities, metric, mining, soft=soft, margin=0.5)
    assert expected > 0
    assert loss.item() == pytest.approx(expected, rel=1e-5)  # an image is 1e-6 and not 0 from itself


@pytest.mark.parametrize(("metric", "mining", "soft"), EVERY_FORM)
def test_gradient_is_that_of_the_loss(features, metric, mining, soft):
    targets = torch.tensor(UNEQUAL)
    assert torch.autograd.gradcheck(
        lambda x: triplet_loss(x, targets, soft_margin=soft, metric=metric, mining=mining), (features,)
    )


@pytest.mark.parametrize(("metric", "mining", "soft"), EVERY_FORM)
@pytest.mark.parametrize("value", [0.0, 1.0, 300.3])
def test_duplicate_features_have_a_finite_gradient(metric, mining, soft, value):
    features = torch.full((6, 5), value, requires_grad=True)
    targets = torch.tensor([0, 0, 1, 1, 2, 2])
    loss = triplet_loss(features, targets, margin=0.3, soft_margin=soft, metric=metric, mining=mining)
    loss.backward()
    assert loss.item() == pytest.approx(math.log(2) if soft else 0.3, rel=1e-4)
    assert features.grad.isfinite().all()


@pytest.mark.parametrize(("metric", "mining", "soft"), EVERY_FORM)
def test_batch_of_one_identity_has_loss_and_gradient_zero(features, metric, mining, soft):
    targets = torch.zeros(9, dtype=torch.long)
    loss = triplet_loss(features, targets, soft_margin=soft, metric=metric, mining=mining)
    loss.backward()
    assert loss.item() == 0.0
    assert not features.grad.any()


def test_anchor_without_a_positive_compares_zero_with_its_nearest_negative():
    features = torch.tensor([[0.0], [3.0]])
    assert triplet_loss(features, torch.tensor([0, 1]), margin=5.0).item() == pytest.approx(2.0)


@pytest.mark.parametrize("mining", list(Mining))
def test_soft_margin_of_gaps_over_88_is_the_gap(mining):
    features = torch.tensor([[0.0], [1000.0], [1.0], [999.0]], requires_grad=True)
    loss = triplet_loss(features, torch.tensor([0, 0, 1, 1]), soft_margin=True, mining=mining)
    loss.backward()
    assert loss.item() == pytest.approx(998.0, rel=1e-3)
    assert features.grad.isfinite().all()
    assert features.grad.any()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_features_are_compared_in_float32(dtype):
    features = 300 * torch.randn(8, 16, generator=torch.Generator().manual_seed(0))  # squares overflow float16
    targets = torch.tensor([0, 0, 1, 1, 2, 2, 3, 3])
    loss = triplet_loss(features.to(dtype), targets)
    assert loss.dtype is torch.float32
    torch.testing.assert_close(loss, triplet_loss(features.to(dtype).float(), targets), rtol=0, atol=0)


def test_small_distances_far_from_the_origin_are_exact():
    # |x|^2 + |y|^2 - 2 x.y is off by up to 0.25 here, in float32: enough to choose the wrong positive.
    features = torch.tensor([[1000.0], [1000.25], [1002.0], [1002.25]])
    loss = triplet_loss(features, torch.tensor([0, 0, 1, 1]), margin=2.0)
    assert loss.item() == pytest.approx((0.25 + 0.5 + 0.5 + 0.25) / 4, rel=1e-6)


def test_weights_prefer_far_positives_and_near_negatives():
    features = torch.tensor([[0.0], [1.0], [4.0], [2.0], [9.0]])
    targets = torch.tensor([0, 0, 0, 1, 1])
    weighted = triplet_loss(features, targets, margin=20.0, mining=Mining.WEIGHTED)
    hard = triplet_loss(features, targets, margin=20.0, mining=Mining.HARD)
    assert weighted < hard


def test_loss_does_not_depend_on_the_order_of_the_batch(features):
    order = torch.randperm(9, generator=torch.Generator().manual_seed(1))
    targets = torch.tensor(UNEQUAL)
    shuffled = triplet_loss(features[order], targets[order])
    torch.testing.assert_close(shuffled, triplet_loss(features, targets))


@pytest.mark.slow
def test_gradient_repeats_bit_by_bit_with_two_threads():
    features, targets = torch.randn(64, 512), torch.arange(64) // 4
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        gradients = []
        for _ in range(5):
            leaf = features.clone().requires_grad_()
            triplet_loss(leaf, targets).backward()
            gradients.append(leaf.grad)
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(gradient, gradients[0]) for gradient in gradients)
