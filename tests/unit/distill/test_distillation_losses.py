from __future__ import annotations

import math

import pytest
import torch

from reid_core.distill import js_divergence, overhaul_distance, overhaul_margin


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def probabilities(row, temperature):
    weights = [math.exp(value / temperature) for value in row]
    return [weight / sum(weights) for weight in weights]


def slow_divergence(student, teacher, temperature):
    total = 0.0
    for left, right in zip(student.tolist(), teacher.tolist(), strict=True):
        p, q = probabilities(left, temperature), probabilities(right, temperature)
        total += sum(a * math.log(a / b) + b * math.log(b / a) for a, b in zip(p, q, strict=True)) / 2
    return total * temperature**2 / len(student)


@pytest.mark.parametrize("temperature", [1, 4, 16.0])
def test_divergence_and_its_gradient_follow_the_definition(temperature):
    student, teacher = 3 * draw(6, 5), 3 * draw(6, 5, seed=1)
    student.requires_grad_()
    got = js_divergence(student, teacher, temperature=temperature)
    assert got.item() == pytest.approx(slow_divergence(student.detach(), teacher, temperature), rel=1e-10)
    assert torch.autograd.gradcheck(lambda x: js_divergence(x, teacher, temperature=temperature), (student,))


def test_a_student_like_its_teacher_has_divergence_and_gradient_zero():
    student = draw(6, 5).requires_grad_()
    loss = js_divergence(student, student.detach() + 7.0, temperature=4)
    loss.backward()
    torch.testing.assert_close(loss.item(), 0.0)
    torch.testing.assert_close(student.grad, torch.zeros_like(student))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_divergence_of_logits_over_88_is_finite(dtype):
    student = torch.tensor([[500.0, -500.0]], dtype=dtype, requires_grad=True)
    loss = js_divergence(student, -student.detach(), temperature=1)
    loss.backward()
    assert loss.item() == pytest.approx(1000.0)
    assert student.grad.isfinite().all()


def slow_margin(weight, bias):
    """The mean of the negative values of N(bias, weight^2), by summing over a fine grid."""
    std = abs(weight)
    if 0.5 * math.erfc(bias / std / math.sqrt(2)) <= 0.001:
        return -3 * std
    steps = 40_000
    low = min(bias - 10 * std, -10 * std)
    values = [low + (k + 0.5) * -low / steps for k in range(steps)]
    density = [math.exp(-(((value - bias) / std) ** 2) / 2) for value in values]
    return sum(v * d for v, d in zip(values, density, strict=True)) / sum(density)


@pytest.mark.parametrize(("weight", "bias"), [(1.0, 0.0), (-0.7, 0.5), (0.3, -2.0), (0.1, 1.0), (2.0, 3.0)])
def test_margin_is_the_mean_of_the_negative_values(weight, bias):
    got = overhaul_margin(torch.tensor([weight]), torch.tensor([bias]))
    assert got.item() == pytest.approx(slow_margin(weight, bias), rel=1e-4)


def test_channel_without_spread_has_a_finite_margin():
    got = overhaul_margin(torch.zeros(3), torch.tensor([-2.0, 0.0, 2.0]))
    torch.testing.assert_close(got, torch.tensor([-2.0, 0.0, 0.0]))


def slow_overhaul(student, teacher, margin):
    total = 0.0
    for index in [tuple(one) for one in torch.ones_like(student).nonzero().tolist()]:
        wanted = max(teacher[index].item(), margin[0, index[1], 0, 0].item())
        if student[index].item() > wanted or wanted > 0:
            total += (student[index].item() - wanted) ** 2
    return total


def test_distance_and_its_gradient_follow_the_definition():
    student, teacher = draw(2, 3, 4, 2).requires_grad_(), draw(2, 3, 4, 2, seed=1)
    margin = -draw(1, 3, 1, 1, seed=2).abs()
    got = overhaul_distance(student, teacher, margin)
    assert got.item() == pytest.approx(slow_overhaul(student.detach(), teacher, margin), rel=1e-10)
    assert torch.autograd.gradcheck(lambda x: overhaul_distance(x, teacher, margin), (student,))


def test_a_student_below_a_resting_teacher_is_left_alone():
    student = torch.full((1, 1, 2, 2), -5.0, requires_grad=True)
    loss = overhaul_distance(student, torch.full((1, 1, 2, 2), -0.5), torch.full((1, 1, 1, 1), -1.0))
    loss.backward()
    assert loss.item() == 0.0
    assert not student.grad.any()
