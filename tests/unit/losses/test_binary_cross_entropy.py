"""Weighted binary cross-entropy against a loop over its definition."""

from __future__ import annotations

import math

import pytest
import torch

from reid_core.losses.binary import BinaryCrossEntropy, binary_cross_entropy, positive_shares

TARGETS = torch.tensor([[1.0, 0.0, -1.0], [0.0, 1.0, 1.0], [1.0, 1.0, -1.0], [1.0, 0.0, 0.0]])


def naive(logits, targets, share=None):
    terms = []
    for row, answers in zip(logits.tolist(), targets.tolist(), strict=True):
        for place, (logit, answer) in enumerate(zip(row, answers, strict=True)):
            if answer < 0:
                continue
            chance = 1 / (1 + math.exp(-logit))
            p = share[place] if share else None
            weight = 1.0 if p is None else math.exp(1 - p if answer else p)
            terms.append(-weight * math.log(chance if answer else 1 - chance))
    return sum(terms) / len(terms)


@pytest.mark.parametrize("share", [None, [0.75, 0.5, 0.1]])
def test_it_is_its_definition(share):
    logits = torch.randn(4, 3, generator=torch.manual_seed(0), dtype=torch.float64)
    given = None if share is None else torch.tensor(share, dtype=torch.float64)
    assert binary_cross_entropy(logits, TARGETS, given).item() == pytest.approx(naive(logits, TARGETS, share))


def test_shares_of_positives_count_what_is_known():
    assert positive_shares(TARGETS).tolist() == [0.75, 0.5, 0.5]
    assert positive_shares(torch.full((2, 1), -1.0)).tolist() == [0.5]


def test_an_unknown_answer_has_no_gradient():
    logits = torch.zeros(4, 3, requires_grad=True)
    binary_cross_entropy(logits, TARGETS, positive_shares(TARGETS)).backward()
    assert (logits.grad[TARGETS < 0] == 0).all()
    assert (logits.grad[TARGETS >= 0] != 0).all()


def test_a_batch_of_which_nothing_is_known_has_no_loss():
    logits = torch.randn(2, 3, requires_grad=True)
    loss = binary_cross_entropy(logits, torch.full((2, 3), -1.0))
    loss.backward()
    assert loss.item() == 0.0
    assert (logits.grad == 0).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_large_logits_give_finite_losses_and_gradients(dtype):
    logits = torch.tensor([[500.0, -500.0, 0.0]], dtype=dtype, requires_grad=True)
    loss = binary_cross_entropy(logits, torch.tensor([[0.0, 1.0, -1.0]]), torch.tensor([0.5, 0.5, 0.5]))
    loss.backward()
    assert loss.isfinite()
    assert logits.grad.isfinite().all()


def test_a_rare_answer_weighs_more():
    loss = BinaryCrossEntropy(torch.tensor([0.1]))
    yes, no = (loss(torch.zeros(1, 1), torch.tensor([[answer]])).item() for answer in (1.0, 0.0))
    assert yes / no == pytest.approx(math.exp(0.9 - 0.1))
    assert not loss.state_dict()  # the training images have it
