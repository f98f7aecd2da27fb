from __future__ import annotations

import math

import pytest
import torch

from reid_core.distill import (
    angle_relation,
    cosine_relation,
    distance_relation,
    js_divergence,
    kl_divergence,
    overhaul_distance,
    overhaul_distances,
    overhaul_margin,
)


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


@pytest.mark.slow
@pytest.mark.parametrize("temperature", [1, 4, 16.0])
def test_divergence_and_its_gradient_follow_the_definition(temperature):
    student, teacher = 3 * draw(6, 5), 3 * draw(6, 5, seed=1)
    student.requires_grad_()
    got = js_divergence(student, teacher, temperature=temperature)
    assert got.item() == pytest.approx(slow_divergence(student.detach(), teacher, temperature), rel=1e-10)
    assert torch.autograd.gradcheck(lambda x: js_divergence(x, teacher, temperature=temperature), (student,))


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize("temperature", [1, 4, 16.0])
def test_kl_and_its_gradient_follow_hintons_definition(temperature):
    student, teacher = 3 * draw(6, 5), 3 * draw(6, 5, seed=1)
    want = 0.0
    for left, right in zip(student.tolist(), teacher.tolist(), strict=True):
        p, q = probabilities(left, temperature), probabilities(right, temperature)
        want += sum(b * math.log(b / a) for a, b in zip(p, q, strict=True))
    student.requires_grad_()
    got = kl_divergence(student, teacher, temperature=temperature)
    assert got.item() == pytest.approx(want * temperature**2 / 6, rel=1e-10)
    assert torch.autograd.gradcheck(lambda x: kl_divergence(x, teacher, temperature=temperature), (student,))


def huber(x):
    return 0.5 * x * x if abs(x) < 1 else abs(x) - 0.5


def slow_distance_relation(student, teacher):
    def relative(rows):
        count = len(rows)
        pairs = [(i, j) for i in range(count) for j in range(count) if i != j]
        lengths = {pair: math.dist(rows[pair[0]], rows[pair[1]]) for pair in pairs}
        mean = sum(lengths.values()) / len(pairs)
        return {pair: length / mean for pair, length in lengths.items()}

    own, other = relative(student.tolist()), relative(teacher.tolist())
    return sum(huber(own[pair] - other[pair]) for pair in own) / len(own)


def slow_angle_relation(student, teacher):
    def cosine(rows, i, j, k):
        left, right = rows[i] - rows[j], rows[k] - rows[j]
        return float(left @ right / (left.norm() * right.norm()))

    every = range(len(student))
    triples = [(i, j, k) for i in every for j in every for k in every if len({i, j, k}) == 3]
    return sum(huber(cosine(student, *one) - cosine(teacher, *one)) for one in triples) / len(triples)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fast", "slow"), [(distance_relation, slow_distance_relation), (angle_relation, slow_angle_relation)]
)
def test_relations_and_their_gradients_follow_the_definition(fast, slow):
    student, teacher = draw(5, 4) + 3.0, 7 * draw(5, 6, seed=1)
    student[0] *= 5
    student.requires_grad_()
    assert fast(student, teacher).item() == pytest.approx(slow(student.detach(), teacher), rel=1e-9)
    assert torch.autograd.gradcheck(lambda x: fast(x, teacher), (student,))


@pytest.mark.parametrize("relation", [distance_relation, angle_relation])
def test_a_student_whose_space_is_turned_shifted_and_scaled_relates_alike(relation):
    teacher = draw(6, 4)
    turn, _ = torch.linalg.qr(draw(4, 4, seed=2))
    assert relation(3 * teacher @ turn + 5, teacher).item() == pytest.approx(0.0, abs=1e-12)
    assert relation(draw(6, 4, seed=3), teacher).item() > 1e-3


@pytest.mark.parametrize("relation", [distance_relation, angle_relation])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_an_image_that_is_twice_in_a_batch_gives_finite_gradients(relation, dtype):
    rows = draw(4, 8)
    rows[1] = rows[0]
    student = rows.to(dtype).requires_grad_()
    relation(student, draw(4, 8, seed=1)).backward()
    assert student.grad.isfinite().all()


@pytest.mark.parametrize(("relation", "too_few"), [(distance_relation, 1), (angle_relation, 2)])
def test_too_few_images_have_no_relations(relation, too_few):
    student = draw(too_few, 4).requires_grad_()
    loss = relation(student, draw(too_few, 4, seed=1))
    loss.backward()
    assert loss.item() == 0.0
    assert student.grad.isfinite().all()


@pytest.mark.slow
def test_cosine_relation_is_one_minus_the_mean_cosine():
    student, teacher = draw(3, 4).requires_grad_(), draw(3, 4, seed=1)
    pairs = zip(student.detach(), teacher, strict=True)
    want = 1 - sum(float(a @ b / (a.norm() * b.norm())) for a, b in pairs) / 3
    assert cosine_relation(student, teacher).item() == pytest.approx(want)
    assert cosine_relation(5 * teacher, teacher).item() == pytest.approx(0.0, abs=1e-12)
    assert torch.autograd.gradcheck(lambda x: cosine_relation(x, teacher), (student,))


def test_overhaul_distances_are_those_of_each_image():
    student, teacher, margin = draw(3, 2, 4, 2), draw(3, 2, 4, 2, seed=1), -draw(1, 2, 1, 1, seed=2).abs()
    each = overhaul_distances(student, teacher, margin)
    want = [overhaul_distance(student[i : i + 1], teacher[i : i + 1], margin).item() for i in range(3)]
    assert each.tolist() == pytest.approx(want)
