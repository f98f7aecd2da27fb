"""Learning rates by the name of a part, and by its distance from the head."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from reid_core.config import from_values
from reid_core.config.convert import tree_of
from reid_core.errors import ConfigError
from reid_core.solver import OptimizerKind, OptimizerSettings, build_optimizer, make_optimizer


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Module()
        self.backbone.patch_embed = nn.Linear(2, 2)
        self.backbone.blocks = nn.ModuleList(nn.Linear(2, 2) for _ in range(3))
        self.backbone.norm = nn.LayerNorm(2)
        self.backbone.pos_embed = nn.Parameter(torch.zeros(2))
        self.heads = nn.Linear(2, 2)


class Convolutional(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Module()
        self.backbone.conv1 = nn.Conv2d(1, 1, 1)
        self.backbone.layer1 = nn.Sequential(nn.Conv2d(1, 1, 1))
        self.backbone.NL_1 = nn.ModuleList([nn.Conv2d(1, 1, 1)])
        self.backbone.layer2 = nn.Sequential(nn.Conv2d(1, 1, 1))
        self.heads = nn.Linear(1, 1)


def rates(model, **keys):
    values = {f"SOLVER.{key}": value for key, value in keys.items()} | {"SOLVER.BASE_LR": 1.0}
    optimizer = build_optimizer(tree_of(values), model)
    found = {}
    for group in optimizer.param_groups:
        for name, parameter in model.named_parameters():
            if any(parameter is other for other in group["params"]):
                found[name] = group["lr"]
    return found


def test_blocks_of_a_transformer_learn_slower_the_further_they_are_from_the_head():
    found = rates(Transformer(), LAYER_DECAY=0.5)
    assert found["heads.weight"] == found["backbone.norm.weight"] == 1.0
    assert [found[f"backbone.blocks.{block}.bias"] for block in (2, 1, 0)] == [0.5, 0.25, 0.125]
    assert found["backbone.patch_embed.weight"] == found["backbone.pos_embed"] == 0.0625


def test_stages_of_a_convolutional_backbone_are_its_layers():
    found = rates(Convolutional(), LAYER_DECAY=0.5)
    assert found["backbone.layer2.0.weight"] == 0.5
    assert found["backbone.layer1.0.weight"] == found["backbone.NL_1.0.weight"] == 0.25
    assert found["backbone.conv1.weight"] == 0.125
    assert found["heads.bias"] == 1.0


def test_a_backbone_without_layers_cannot_decay_by_layer():
    model = nn.Module()
    model.backbone = nn.Linear(2, 2)
    with pytest.raises(ConfigError, match=r"SOLVER\.LAYER_DECAY needs a backbone of blocks or stages"):
        rates(model, LAYER_DECAY=0.9)


def test_the_last_multiplier_that_fits_counts_on_top_of_the_factors_of_kinds():
    multipliers = ["backbone=0.1", "backbone.blocks.2=0.5", "*.norm=0", "backbone.patch_embed.bias=3e-2"]
    found = rates(Transformer(), LR_MULTIPLIERS=multipliers, BIAS_LR_FACTOR=2.0, HEADS_LR_FACTOR=7.0)
    assert found["backbone.blocks.0.weight"] == pytest.approx(0.1)
    assert found["backbone.blocks.2.weight"] == pytest.approx(0.5)
    assert found["backbone.blocks.2.bias"] == pytest.approx(1.0)
    assert found["backbone.norm.weight"] == 0.0
    assert found["backbone.patch_embed.bias"] == pytest.approx(0.06)
    assert found["backbone.patch_embed.weight"] == pytest.approx(0.1)
    assert found["heads.weight"] == pytest.approx(7.0)


def test_a_part_is_not_the_beginning_of_a_name():
    found = rates(Transformer(), LR_MULTIPLIERS=["backbone.blocks.1=0.5"])
    model = Transformer()
    model.backbone.blocks.extend(nn.Linear(2, 2) for _ in range(9))
    found = rates(model, LR_MULTIPLIERS=["backbone.blocks.1=0.5"])
    assert found["backbone.blocks.1.weight"] == 0.5
    assert found["backbone.blocks.10.weight"] == 1.0


def test_a_part_that_is_not_there_is_named_with_what_is_near():
    with pytest.raises(ConfigError, match=r"no part 'backbone\.block\.1'.*backbone\.blocks"):
        rates(Transformer(), LR_MULTIPLIERS=["backbone.block.1=0.5"])


@pytest.mark.parametrize(
    "text", ["backbone", "backbone=", "=0.1", "backbone=fast", "backbone=-1", "a b=1", "backbone=nan"]
)
def test_a_multiplier_that_is_none_is_refused_before_anything_is_built(text):
    with pytest.raises(ConfigError, match=r"SOLVER\.LR_MULTIPLIERS"):
        from_values({"SOLVER.LR_MULTIPLIERS": [text]})


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(OptimizerKind))
def test_every_optimiser_descends_and_resumes_bit_by_bit(kind):
    def start():
        torch.manual_seed(0)
        model = nn.Linear(4, 3)
        return model, make_optimizer(model, OptimizerSettings(kind=kind, base_lr=0.01))

    def train(model, optimizer, steps):
        for step in steps:
            torch.manual_seed(step)
            loss = (model(torch.randn(16, 4)) - 1).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return loss.item()

    straight, optimizer = start()
    first = train(straight, optimizer, [0])
    assert train(straight, optimizer, range(40)) < first

    straight, optimizer = start()
    train(straight, optimizer, range(6))
    half, before = start()
    train(half, before, range(3))
    after = make_optimizer(half, OptimizerSettings(kind=kind, base_lr=0.01))
    after.load_state_dict(before.state_dict())
    train(half, after, range(3, 6))
    assert torch.equal(straight.weight, half.weight)
    assert type(optimizer).__name__ == kind
