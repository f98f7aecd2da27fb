from __future__ import annotations

import pytest
import torch
from torch import nn

from reid_core.config.convert import tree_of
from reid_core.losses import build_losses
from reid_core.solver import (
    OptimizerKind,
    OptimizerSettings,
    build_loss_optimizer,
    build_optimizer,
    make_optimizer,
    set_learning_rate,
)

SETTINGS = OptimizerSettings(
    base_lr=0.1,
    weight_decay=1.0,
    weight_decay_norm=2.0,
    weight_decay_bias=3.0,
    bias_lr_factor=5.0,
    heads_lr_factor=7.0,
)


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.InstanceNorm2d(4, affine=True))
        self.heads = nn.Linear(4, 2)
        self.frozen = nn.Parameter(torch.zeros(1), requires_grad=False)


def by_name(model, optimizer):
    """(learning rate, weight decay) of each parameter in the optimiser, by its name."""
    found = {}
    for group in optimizer.param_groups:
        for name, parameter in model.named_parameters():
            if any(parameter is other for other in group["params"]):
                assert name not in found
                found[name] = (group["lr"], group["weight_decay"])
    return found


def test_kinds_of_parameters_get_fastreids_rates_and_decays():
    model = Network()
    found = by_name(model, make_optimizer(model, SETTINGS))
    assert found == {
        "backbone.0.weight": (0.1, 1.0),
        "backbone.0.bias": (0.5, 3.0),
        "backbone.1.weight": (0.1, 2.0),
        "backbone.1.bias": (0.5, 3.0),
        "backbone.2.weight": (0.1, 2.0),
        "backbone.2.bias": (0.5, 3.0),
        "heads.weight": (pytest.approx(0.7), 1.0),
        "heads.bias": (pytest.approx(3.5), 3.0),
    }


def test_equal_settings_share_one_group():
    assert len(make_optimizer(Network(), OptimizerSettings()).param_groups) == 1


def test_shared_parameter_is_optimised_once():
    model = Network()
    model.twin = model.heads
    optimizer = make_optimizer(model, SETTINGS)
    assert sum(len(group["params"]) for group in optimizer.param_groups) == 8


def test_set_learning_rate_keeps_the_factor_of_each_group():
    model = Network()
    optimizer = make_optimizer(model, SETTINGS)
    set_learning_rate(optimizer, 0.01)
    assert by_name(model, optimizer)["heads.bias"][0] == pytest.approx(0.35)
    assert by_name(model, optimizer)["backbone.1.weight"][0] == pytest.approx(0.01)


def one_step(kind):
    parameter = nn.Parameter(torch.tensor([2.0]))
    model = nn.Module()
    model.weight = parameter
    optimizer = make_optimizer(
        model, OptimizerSettings(kind=kind, base_lr=0.1, weight_decay=0.5, momentum=0.9, nesterov=True)
    )
    parameter.grad = torch.tensor([3.0])
    optimizer.step()
    return parameter.item()


def test_adam_couples_weight_decay_adam_w_does_not_and_sgd_has_nesterov_momentum():
    # Adam's first step is lr * sign(gradient), here 3 + .5 * 2; AdamW shrinks by lr * decay first.
    assert one_step(OptimizerKind.ADAM) == pytest.approx(2 - 0.1)
    assert one_step(OptimizerKind.ADAM_W) == pytest.approx(2 * (1 - 0.1 * 0.5) - 0.1)
    assert one_step(OptimizerKind.SGD) == pytest.approx(2 - 0.1 * (4 + 0.9 * 4))


def test_adams_weight_decay_goes_through_its_moments():
    parameter = nn.Parameter(torch.tensor([1.0, 1.0]))
    model = nn.Module()
    model.weight = parameter
    optimizer = make_optimizer(model, OptimizerSettings(base_lr=0.1, weight_decay=0.5))
    for gradient in ([1.0, -0.5], [0.0, 0.0]):
        parameter.grad = torch.tensor(gradient)
        optimizer.step()
    # first step: gradient + .5 * weight = 1.5 and 0; second: .5 * weight = .45 and .5
    first, second = torch.tensor([1.5, 0.0]), torch.tensor([0.45, 0.5])
    mean = (0.9 * 0.1 * first + 0.1 * second) / (1 - 0.9**2)
    square = (0.999 * 0.001 * first**2 + 0.001 * second**2) / (1 - 0.999**2)
    expected = torch.tensor([0.9, 1.0]) - 0.1 * mean / (square.sqrt() + 1e-8)
    torch.testing.assert_close(parameter.detach(), expected)


def test_optimizer_resumed_from_its_state_continues_bit_by_bit():
    def run(model, optimizer, steps):
        for step in steps:
            torch.manual_seed(step)
            for parameter in model.parameters():
                parameter.grad = torch.randn_like(parameter)
            optimizer.step()

    torch.manual_seed(0)
    straight = nn.Linear(5, 3)
    resumed = nn.Linear(5, 3)
    resumed.load_state_dict(straight.state_dict())
    optimizer = make_optimizer(straight, SETTINGS)
    run(straight, optimizer, range(6))

    before = make_optimizer(resumed, SETTINGS)
    run(resumed, before, range(3))
    after = make_optimizer(resumed, SETTINGS)
    after.load_state_dict(before.state_dict())
    run(resumed, after, range(3, 6))
    assert torch.equal(straight.weight, resumed.weight)
    assert torch.equal(straight.bias, resumed.bias)


def test_configuration_reaches_the_optimiser():
    model = Network()
    optimizer = build_optimizer(
        tree_of({"SOLVER.OPT": "SGD", "SOLVER.BASE_LR": 0.2, "SOLVER.HEADS_LR_FACTOR": 2.0, "SOLVER.MOMENTUM": 0.8}),
        model,
    )
    assert isinstance(optimizer, torch.optim.SGD)
    assert optimizer.param_groups[0]["momentum"] == 0.8
    assert by_name(model, optimizer)["heads.weight"] == (0.4, 5e-4)


@pytest.mark.parametrize("scale", [0.0005, 1.0])
def test_centers_move_by_their_own_rate_whatever_the_weight_of_their_loss(scale):
    config = tree_of(
        {
            "MODEL.LOSSES.NAME": ["CenterLoss"],
            "MODEL.LOSSES.CENTER.SCALE": scale,
            "MODEL.LOSSES.CENTER.LR": 0.25,
        }
    )
    losses = build_losses(config, 2, 3)
    (centers,) = losses.parameters()
    start = centers.detach().clone()
    optimizer = build_loss_optimizer(config, losses)
    features = torch.ones(4, 3)
    targets = torch.zeros(4, dtype=torch.long)
    (scale * (features - centers[targets]).square().sum(1).mean()).backward()
    optimizer.step()
    torch.testing.assert_close(centers[0].detach(), start[0] + 0.25 * 2 * (1 - start[0]))
    torch.testing.assert_close(centers[1].detach(), start[1])


def test_losses_without_parameters_need_no_optimiser():
    config = tree_of({})
    assert build_loss_optimizer(config, build_losses(config, 2, 3)) is None
