from __future__ import annotations

import pytest
import torch
from torch import nn

from reid_core.config.convert import tree_of
from reid_core.errors import ConfigError
from reid_core.solver import (
    ClipKind,
    GradientClip,
    LayerFreeze,
    OptimizerSettings,
    build_clip,
    build_freeze,
    make_optimizer,
)


def network():
    torch.manual_seed(0)
    model = nn.ModuleDict({"backbone": nn.Linear(3, 4), "heads": nn.Linear(4, 2)})
    model["heads"].bias.requires_grad_(requires_grad=False)
    return model


def train(model, freeze, optimizer, iterations):
    for iteration in iterations:
        freeze.apply(iteration)
        torch.manual_seed(iteration)
        model["heads"](model["backbone"](torch.randn(5, 3))).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()


def test_frozen_layers_rest_for_their_iterations_and_move_after_them():
    model = network()
    optimizer = make_optimizer(model, OptimizerSettings(base_lr=0.1))
    freeze = LayerFreeze(model, ["backbone"], 3)
    start = {name: value.clone() for name, value in model.state_dict().items()}
    train(model, freeze, optimizer, range(3))
    assert torch.equal(model["backbone"].weight, start["backbone.weight"])
    assert not torch.equal(model["heads"].weight, start["heads.weight"])
    train(model, freeze, optimizer, [3])
    assert not torch.equal(model["backbone"].weight, start["backbone.weight"])


def test_release_leaves_parameters_that_never_train_frozen():
    model = network()
    freeze = LayerFreeze(model, ["heads"], 1)
    freeze.apply(0)
    freeze.apply(1)
    assert model["heads"].weight.requires_grad
    assert not model["heads"].bias.requires_grad


@pytest.mark.parametrize("cut", [1, 2, 4])
def test_run_resumed_at_any_iteration_freezes_as_the_uninterrupted_one(cut):
    def start(model):
        return LayerFreeze(model, ["backbone"], 2), make_optimizer(model, OptimizerSettings(base_lr=0.1))

    straight = network()
    train(straight, *start(straight), range(5))

    first = network()
    freeze, optimizer = start(first)
    train(first, freeze, optimizer, range(cut))
    second = network()
    freeze, resumed = start(second)
    second.load_state_dict(first.state_dict())
    resumed.load_state_dict(optimizer.state_dict())
    train(second, freeze, resumed, range(cut, 5))
    assert torch.equal(straight["backbone"].weight, second["backbone"].weight)
    assert torch.equal(straight["heads"].weight, second["heads"].weight)


def test_unknown_layer_is_refused_with_the_parts_of_the_model():
    config = tree_of({"MODEL.FREEZE_LAYERS": ["backbon"], "SOLVER.FREEZE_ITERS": 3})
    with pytest.raises(ConfigError, match="backbone, heads"):
        build_freeze(config, network())


def gradients(*values):
    parameters = [nn.Parameter(torch.zeros(len(value))) for value in values]
    for parameter, value in zip(parameters, values, strict=True):
        parameter.grad = torch.tensor(value)
    return parameters


def test_norm_clip_scales_all_gradients_together():
    first, second = gradients([3.0], [0.0, 4.0])
    GradientClip(ClipKind.NORM, 1.0)([first, second, nn.Parameter(torch.zeros(1))])
    torch.testing.assert_close(first.grad, torch.tensor([0.6]), rtol=1e-5, atol=0)
    torch.testing.assert_close(second.grad, torch.tensor([0.0, 0.8]), rtol=1e-5, atol=0)


def test_small_gradients_are_left_alone():
    (parameter,) = gradients([0.3, 0.4])
    GradientClip(ClipKind.NORM, 1.0)([parameter])
    assert parameter.grad.tolist() == pytest.approx([0.3, 0.4])


def test_value_clip_limits_each_number():
    (parameter,) = gradients([3.0, -4.0, 0.5])
    GradientClip(ClipKind.VALUE, 1.0)([parameter])
    assert parameter.grad.tolist() == [1.0, -1.0, 0.5]


def test_configuration_reaches_the_clip():
    assert build_clip(tree_of({})) is None
    config = tree_of(
        {
            "SOLVER.CLIP_GRADIENTS.ENABLED": True,
            "SOLVER.CLIP_GRADIENTS.CLIP_TYPE": "value",
            "SOLVER.CLIP_GRADIENTS.CLIP_VALUE": 2.0,
        }
    )
    assert build_clip(config) == GradientClip(ClipKind.VALUE, 2.0, 2.0)
