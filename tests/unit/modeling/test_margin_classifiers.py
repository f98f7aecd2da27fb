from __future__ import annotations

import math

import pytest
import torch

from reid_core.modeling.heads import Classifier, ClassifierKind

COSINE_KINDS = [ClassifierKind.COSINE, ClassifierKind.ARC, ClassifierKind.CIRCLE]


def slow_logit(kind, cosine, is_target, margin):
    """The definition for one pair."""
    if kind is ClassifierKind.COSINE:
        return cosine - margin if is_target else cosine
    if kind is ClassifierKind.ARC:
        return math.cos(math.acos(cosine) + margin) if is_target else cosine
    if is_target:
        return max(1 + margin - cosine, 0) * (cosine - (1 - margin))
    return max(cosine + margin, 0) * (cosine - margin)


@pytest.mark.parametrize("kind", COSINE_KINDS)
def test_margin_classifier_follows_its_definition(kind):
    torch.manual_seed(0)
    features, weight = torch.randn(4, 6, dtype=torch.float64), torch.randn(5, 6, dtype=torch.float64)
    targets = torch.tensor([0, 3, 3, 4])
    logits, plain = Classifier(kind, scale=16.0, margin=0.3)(features, weight, targets)
    for row, target in enumerate(targets.tolist()):
        for column in range(5):
            cosine = torch.cosine_similarity(features[row], weight[column], dim=0).item()
            expected = 16 * slow_logit(kind, cosine, column == target, 0.3)
            assert logits[row, column].item() == pytest.approx(expected, rel=1e-9)
            assert plain[row, column].item() == pytest.approx(16 * cosine, rel=1e-9)


@pytest.mark.parametrize("kind", COSINE_KINDS)
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_cosine_of_plus_or_minus_one_has_finite_logits_and_gradients(kind, sign):
    weight = torch.randn(3, 4)
    features = (sign * weight).clone().requires_grad_()
    logits, _ = Classifier(kind, scale=64.0, margin=0.5)(features, weight, torch.arange(3))
    logits.sum().backward()
    assert logits.isfinite().all()
    assert features.grad.isfinite().all()


@pytest.mark.parametrize("kind", list(ClassifierKind))
def test_without_targets_there_is_no_margin(kind):
    logits, plain = Classifier(kind, scale=1.0, margin=0.5)(torch.randn(2, 4), torch.randn(3, 4))
    torch.testing.assert_close(logits, plain)


def test_linear_classifier_scales_only_its_plain_logits():
    features, weight = torch.randn(2, 4), torch.randn(3, 4)
    logits, plain = Classifier(ClassifierKind.LINEAR, scale=3.0)(features, weight, torch.tensor([0, 1]))
    torch.testing.assert_close(logits, features @ weight.T)
    torch.testing.assert_close(plain, 3 * logits)


@pytest.mark.parametrize("kind", [ClassifierKind.LINEAR, ClassifierKind.COSINE, ClassifierKind.ARC])
def test_gradients_are_those_of_the_logits(kind):
    torch.manual_seed(0)
    features = torch.randn(4, 6, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(5, 6, dtype=torch.float64, requires_grad=True)
    classifier, targets = Classifier(kind, scale=4.0, margin=0.3), torch.tensor([0, 3, 3, 4])
    assert torch.autograd.gradcheck(lambda x, w: classifier(x, w, targets), (features, weight))


@pytest.mark.parametrize("kind", list(ClassifierKind))
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_duplicates_have_finite_logits_and_gradients(kind, dtype):
    features = torch.tensor([[-3.0] * 4, [3.0] * 4, [3.0] * 4], dtype=dtype, requires_grad=True)
    weight = torch.ones(3, 4, dtype=dtype, requires_grad=True)
    logits, _ = Classifier(kind, scale=64.0, margin=0.5)(features, weight, torch.arange(3))
    logits.float().sum().backward()
    assert logits.isfinite().all()
    assert features.grad.isfinite().all()
    assert weight.grad.isfinite().all()
